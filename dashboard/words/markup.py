"""Names and sentences that somebody else wrote, without any markup taking effect."""

from __future__ import annotations

import re


def escape(text: str) -> str:
    r"""Text that Markdown shows as it is, whatever stands in it.

    >>> print(escape("[a](b) *c*"))
    \[a\](b) \*c\*
    """
    return re.sub(r"([\\`*_\[\]<>#|~$:!&])", r"\\\1", text)


def label(name: str, longest: int = 24) -> str:
    """Somebody's own name as a label: short, and without the markup that a chart would follow."""
    short = name if len(name) <= longest else name[: longest - 1] + "…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("$", "＄")
