"""Names and sentences that somebody else wrote, without any markup taking effect."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"([\\`*\[\]<>#|~$!&]|:(?=[\w+-])|(?<!\w)_|_(?!\w))")


def escape(text: str) -> str:
    r"""Text that Markdown shows as it is, where it would make a heading, a formula, an icon or a named link of it.

    >>> print(escape("[a](b) *c* costs $5 :material/x:, see n_samples: _d_"))
    \[a\](b) \*c\* costs \$5 \:material/x:, see n_samples: \_d\_
    """
    return _MARKUP.sub(r"\\\1", text)


def label(name: str, longest: int = 24) -> str:
    """Somebody's own name as a label: short, and without the markup that a chart would follow."""
    short = name if len(name) <= longest else name[: longest - 1] + "…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("$", "＄")
