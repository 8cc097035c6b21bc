"""What a run's file says of a table of one's own, without its rows: enough to open the run where the rows are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any

MOST = {"inputs": 10_000, "classes": 1_000, "rows": 10**9, "test_rows": 10**9}
"""What an outline that is read may count."""


@dataclass(frozen=True)
class Outline:
    """How many inputs, classes (0 for regression), rows to draw from, and rows to test on: no names, no values."""

    inputs: int
    classes: int
    rows: int
    test_rows: int = 0

    def to_dict(self) -> dict[str, int]:
        """The same as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Any) -> Outline:
        """What `to_dict` wrote; raises ValueError where it is none.

        >>> outline = Outline(inputs=3, classes=0, rows=40)
        >>> Outline.from_dict(outline.to_dict()) == outline
        True
        """
        sound = isinstance(facts, Mapping) and sorted(facts) == sorted(MOST)
        if not (sound and all(type(facts[name]) is int and 0 <= facts[name] <= most for name, most in MOST.items())):
            raise ValueError("what it says of its table is none of a table's")
        return cls(**facts)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Stand-ins for the inputs' names: x1, x2, ..."""
        return tuple(f"x{place}" for place in range(1, self.inputs + 1))

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Stand-ins for the classes' names; None for regression."""
        return tuple(f"class {place}" for place in range(self.classes)) or None


_SAID: ContextVar[Mapping[str, Outline] | None] = ContextVar("_SAID", default=None)


@contextmanager
def outlined(facts: Any) -> Iterator[None]:
    """Inside, a choice of a table whose rows are not here has the outline of a file's facts: its text -> `to_dict`."""
    if facts is not None and not isinstance(facts, Mapping):
        raise ValueError("what it says of its table is none of a table's")
    token = _SAID.set({text: Outline.from_dict(each) for text, each in (facts or {}).items()})
    try:
        yield
    finally:
        _SAID.reset(token)


def said_of(choice: str) -> Outline | None:
    """The outline of the choice with this text, if a file that is being read has one."""
    return (_SAID.get() or {}).get(choice)
