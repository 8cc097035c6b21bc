"""A registry is a name -> entry mapping that takes entries of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, TypeVar

Entry = TypeVar("Entry")

NAME = re.compile(r"[A-Za-z]\w{0,39}", re.ASCII)
"""What an entry may be called: it is a word of addresses, files and command lines."""


class Registry(dict[str, Entry]):
    """Name -> entry. Those given at the start are nncore's; `own` are those registered since, in this process.

    >>> registry = Registry(one=1)
    >>> registry.enter("two", 2, lambda other: other == 2), registry.own
    (2, {'two': 2})
    >>> registry.enter("one", 2, lambda other: other == 2)
    Traceback (most recent call last):
    ValueError: one names another entry already, which histories made with it need: choose another name
    """

    kind: ClassVar[str] = "entry"

    def __init__(self, *entries: object, **named: Entry) -> None:
        super().__init__(*entries, **named)
        self._built_in = frozenset(self)

    @property
    def own(self) -> dict[str, Entry]:
        """The entries that nncore does not bring along."""
        return {name: entry for name, entry in self.items() if name not in self._built_in}

    def __missing__(self, name: object) -> Entry:
        raise KeyError(f"{self.kind} must be one of {', '.join(self)}; got {name!r}")

    def enter(self, name: object, entry: Entry, same: Callable[[Entry], bool]) -> Entry:
        """Put an entry in, in the place of one that is the `same`; raises ValueError on a name that is taken or is no word."""
        check_name(self.kind, name)
        if name in self and not same(self[name]):  # type: ignore[index]
            raise ValueError(
                f"{name} names another {self.kind} already, which histories made with it need: choose another name"
            )
        self[name] = entry  # type: ignore[index]
        return entry


def check_name(kind: str, name: object) -> None:
    """Raise ValueError where a name is no word."""
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        article = "an" if kind[0] in "aeiou" else "a"
        raise ValueError(f"the name of {article} {kind} must be a letter, then letters, digits or _; got {name!r}")
