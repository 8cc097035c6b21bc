"""Hooks that change nothing: they return None, keep their errors to themselves, and are not copied or pickled along."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

NOTHING = nullcontext().__exit__
"""Takes anything and returns None; pickled by name, so that a model saved meanwhile opens without nncore."""


class Hook:
    """Calls a function with whatever PyTorch hands to the hook; what it raises goes to `failed` and no further."""

    __slots__ = ("failed", "function")

    def __init__(self, function: Callable[..., object], failed: Callable[[Exception], None]) -> None:
        self.function, self.failed = function, failed

    def __call__(self, *arguments: Any) -> None:
        try:
            self.function(*arguments)
        except Exception as error:
            self.failed(error)

    def __reduce__(self) -> Any:
        return getattr, (nullcontext(), "__exit__")

    def __deepcopy__(self, memo: Any) -> Any:
        return NOTHING
