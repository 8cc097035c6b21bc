"""Which part of a history is taken away: which steps, which layers, theta, its gradient or both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.history.history import TAIL, History
from nncore.model.layout import Layout

COLUMNS = ("theta", "gradient")
"""The columns of a CSV file that may be left out."""

MOST_EVERY = 1_000_000
"""The largest record_every."""


@dataclass(frozen=True, init=False)
class Excerpt:
    """Some steps, layers and columns of a history.

    `every`: every k-th recorded step, the first and the last among them, and the last steps before an early end: those
    that a run with a `record_every` k times as large records. `steps`: these recorded steps instead. `layers`: numbers
    1 ... L, None for all. `columns`: "theta", "gradient" or both.

    Every k-th step of all layers with both columns is a history again, that of `config`; where more is left out the file
    holds a part, which is none.

    Raises ValueError, one sentence, where it is of no history; `records` and `parameters` where it is not of this one.

    >>> Excerpt(every=10, columns="theta")
    Excerpt(every=10, steps=None, layers=None, columns=('theta',))
    """

    every: int
    steps: tuple[int, ...] | None
    layers: tuple[int, ...] | None
    columns: tuple[str, ...]

    def __init__(
        self,
        every: int = 1,
        steps: Iterable[int] | None = None,
        layers: Iterable[int] | None = None,
        columns: str | Iterable[str] = COLUMNS,
    ) -> None:
        if not _is_whole(every) or not 1 <= every <= MOST_EVERY:
            raise ValueError(f"every must be a whole number from 1 to {MOST_EVERY:,}; got {every!r}")
        chosen = None if steps is None else _whole_numbers("steps", steps)
        if chosen is not None and every != 1:
            raise ValueError(f"either every or steps says which steps; got every {every} and {len(chosen):,} steps")
        named = (columns,) if isinstance(columns, str) else tuple(columns)
        if not named or set(named) - set(COLUMNS):
            raise ValueError(f"columns must be theta, gradient or both; got {', '.join(map(str, named)) or 'none'}")
        object.__setattr__(self, "every", int(every))
        object.__setattr__(self, "steps", chosen)
        object.__setattr__(self, "layers", None if layers is None else _whole_numbers("layers", layers))
        object.__setattr__(self, "columns", tuple(name for name in COLUMNS if name in named))

    def is_history(self, history: History) -> bool:
        """Is what it takes of this history one as well?"""
        all_steps = self.steps is None or len(self.records(history)) == len(history)
        all_layers = len(self.parameters(history.layout)) == history.layout.n_params
        return all_steps and all_layers and self.columns == COLUMNS

    def records(self, history: History) -> np.ndarray:
        """Indices of the records that it takes; raises ValueError on a step that is not recorded."""
        step = history.step
        if self.steps is None:
            kept = step % (self.every * history.config.record_every) == 0
            kept[[0, -1]] = True
            if history.stopped:
                kept |= step > step[-1] - TAIL
            return np.arange(len(step)) if self.every == 1 else np.flatnonzero(kept)
        missing = sorted(set(self.steps) - set(step.tolist()))
        if missing:
            by = f" by {history.config.record_every:,}" if history.config.record_every > 1 else ""
            raise ValueError(f"steps must be recorded ones, {step[0]:,} to {step[-1]:,}{by}; got {missing[0]:,}")
        return np.flatnonzero(np.isin(step, self.steps))

    def parameters(self, layout: Layout) -> np.ndarray:
        """Indices of theta that it takes; raises ValueError on a layer that the network does not have."""
        if self.layers is None:
            return np.arange(layout.n_params)
        beyond = [layer for layer in self.layers if not 1 <= layer <= layout.n_layers]
        if beyond:
            raise ValueError(f"layers must be from 1 to {layout.n_layers}; got {beyond[0]}")
        return np.concatenate([np.arange(*layout.bounds[layer - 1]) for layer in self.layers])

    def rows(self, history: History) -> int:
        """Rows of the CSV file, the line of names apart."""
        return len(self.records(history)) * len(self.parameters(history.layout))

    def in_words(self, history: History) -> str:
        """What of this history it takes: how many steps, which layers and columns."""
        return part_in_words(self._counts(history))

    def config(self, history: History) -> RunConfig:
        """The settings under which the records that it takes would have been recorded."""
        if self.every == 1:
            return history.config
        return history.config.replace(record_every=min(self.every * history.config.record_every, MOST_EVERY))

    def facts(self, history: History) -> dict[str, Any] | None:
        """What a file says of itself that holds a part; None where it holds a history."""
        return None if self.is_history(history) else self._counts(history)

    def _counts(self, history: History) -> dict[str, Any]:
        layers = self.layers or range(1, history.layout.n_layers + 1)
        return {
            "steps": len(self.records(history)),
            "of_steps": len(history),
            "layers": list(layers),
            "of_layers": history.layout.n_layers,
            "columns": list(self.columns),
        }


def part_in_words(facts: Any) -> str:
    """What a file is that holds a part of a history, from the `Excerpt.facts` in it, whoever wrote them.

    >>> part_in_words({"steps": 1, "of_steps": 401, "layers": [1, 3], "of_layers": 13, "columns": ["theta"]})
    '1 of 401 recorded steps, layers 1 and 3 of 13, θ without its gradient'
    """
    try:
        steps, of_steps, of_layers = (int(facts[name]) for name in ("steps", "of_steps", "of_layers"))
        layers, columns = [int(layer) for layer in facts["layers"]], [str(name) for name in facts["columns"]]
    except (TypeError, KeyError, ValueError):
        return "some of its steps, layers or columns"
    parts = [f"{steps:,} of {of_steps:,} recorded steps" if steps < of_steps else f"all {of_steps:,} recorded steps"]
    parts.append(f"{listed_layers(layers)} of {of_layers}" if len(layers) < of_layers else f"all {of_layers} layers")
    kinds: dict[tuple[str, ...], str] = {("theta",): "θ without its gradient", ("gradient",): "the gradient without θ"}
    return ", ".join([*parts, kinds.get(tuple(columns), "θ and gradient")])


def listed_layers(layers: Iterable[int]) -> str:
    """Layers by number, stretches of them as such.

    >>> listed_layers([1]), listed_layers([1, 3]), listed_layers([1, 2, 3, 7])
    ('layer 1', 'layers 1 and 3', 'layers 1–3 and 7')
    """
    stretches: list[list[int]] = []
    for layer in sorted(layers):
        if stretches and layer == stretches[-1][1] + 1:
            stretches[-1][1] = layer
        else:
            stretches.append([layer, layer])
    named = [f"{first}" if first == last else f"{first}–{last}" for first, last in stretches]
    text = " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
    return f"layer {text}" if len(stretches) == 1 and stretches[0][0] == stretches[0][1] else f"layers {text}"


def numbers_in(name: str, text: str, there: Sequence[int]) -> list[int]:
    """The steps or layers that a text names: numbers and stretches, with commas; of a stretch those that are there.

    Raises ValueError, one sentence, on anything else.

    >>> numbers_in("steps", "0, 30-70, 100", range(0, 101, 10))
    [0, 30, 40, 50, 60, 70, 100]
    """
    found: set[int] = set()
    for part in text.replace("–", "-").split(","):
        first, dash, last = (each.strip() for each in part.partition("-"))
        if not (_is_digits(first) and (_is_digits(last) or not dash)):
            raise ValueError(
                f"{name} must be whole numbers with commas, such as 0, 10, 20-30; got {part.strip()[:40]!r}"
            )
        low, high = int(first), int(last or first)
        inside = [number for number in there if low <= number <= high]
        if not inside:
            raise ValueError(f"{name} go from {there[0]:,} to {there[-1]:,}; there is no {part.strip()[:40]}")
        found.update(inside)
    return sorted(found)


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 12


def _whole_numbers(name: str, values: Any) -> tuple[int, ...]:
    """These numbers in order, each once; raises ValueError on none or on what is not a list of whole numbers."""
    try:
        found = list(values)
    except TypeError:
        raise ValueError(f"{name} must be a list of whole numbers; got {values!r}") from None
    odd = [value for value in found if not _is_whole(value)]
    if odd or not found:
        raise ValueError(f"{name} must be a list of whole numbers; got {odd[0] if odd else 'none'!r}")
    return tuple(sorted({int(value) for value in found}))


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


WHOLE = Excerpt()
"""Everything."""
