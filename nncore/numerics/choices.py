"""One sentence for a name that is not among the choices."""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Mapping
from typing import TypeVar, overload

Entry = TypeVar("Entry")


class UnknownName(ValueError):
    """A name that is not among the choices: `name`, for what `kind` says; `hint` is "" or (did you mean ...?)."""

    def __init__(self, kind: str, name: object, choices: Collection[str], hint: str) -> None:
        self.kind, self.name, self.choices, self.hint = kind, str(name), tuple(choices), hint
        super().__init__(f"{kind} must be one of {', '.join(self.choices)}; got {reprlib.repr(name)}{hint}")

    def __reduce__(self) -> tuple[type[UnknownName], tuple[str, str, tuple[str, ...], str]]:
        return UnknownName, (self.kind, self.name, self.choices, self.hint)


@overload
def choose(kind: str, name: str, choices: Mapping[str, Entry]) -> Entry: ...  # type: ignore[overload-overlap]
@overload
def choose(kind: str, name: str, choices: Collection[str]) -> str: ...
def choose(kind: str, name: str, choices: Mapping[str, Entry] | Collection[str]) -> Entry | str:
    """The entry of a registry under `name`; of a plain collection of names, the name itself.

    `kind` is what the error calls it. Raises UnknownName, a ValueError, that lists the choices and the nearest one.

    >>> choose("activation", "tanh", {"relu": 1, "tanh": 2})
    2
    >>> choose("activation", "rleu", ("linear", "relu"))
    Traceback (most recent call last):
    nncore.numerics.choices.UnknownName: activation must be one of linear, relu; got 'rleu' (did you mean 'relu'?)
    """
    if isinstance(name, str) and name in choices:
        return choices[name] if isinstance(choices, Mapping) else name
    near = _near(name.lower(), choices) if isinstance(name, str) else []
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise UnknownName(kind, name, choices, hint)


ALSO_CALLED = {
    "glorot": "xavier",
    "kaiming": "he",
    "swish": "silu",
    "logistic": "sigmoid",
    "identity": "linear",
    "l2": "mse",
    "ce": "cross_entropy",
    "softmax": "cross_entropy",
}
"""What other libraries call it, or the first word of it."""


def _near(name: str, choices: Collection[str]) -> list[str]:
    """The choice that was meant, if one comes near: by its other name, by its first word, by its letters.

    >>> _near("glorot_uniform", ("uniform", "xavier_uniform")), _near("he", ("relu", "he_normal", "he_uniform"))
    (['xavier_uniform'], ['he_normal'])
    """
    first, underscore, rest = name.partition("_")
    known = ALSO_CALLED.get(first, first) + underscore + rest
    begun = [choice for choice in choices if choice == known or choice.startswith(f"{known}_")]
    if begun:
        return begun[:1]
    from difflib import get_close_matches

    return get_close_matches(name, choices, n=1)
