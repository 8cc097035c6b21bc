"""Numbers that somebody else's log holds of a run, by step, layer and quantity -> the header and rows of a recorded run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore.recorders.columns import RECORDED_QUANTITIES
from nncore.recorders.rows import RecordRows
from nncore.recorders.stream import Rows, batch_of
from nncore.recorders.units import LONGEST_TEXT, MOST_UNITS, Header, Unit

if TYPE_CHECKING:
    import pyarrow as pa

RECORDS_A_BATCH = 64


class Log:
    """A log on its way to a recorded run: its numbers as they are found, then `header` and `batches`.

    A parameter's module is what its name has before the last dot, a module's block the outermost numbered part of its
    name; the execution order is that in which names first come. What a log lacks stays blank.

    >>> log = Log("made up")
    >>> log.add("gradient_norm", [0, 10], ["blocks.0.up.weight"] * 2, [0.5, 0.25])
    >>> log.add("loss", [0, 7], ["", ""], [1.0, 0.5])
    >>> [(unit.role, unit.name, unit.block) for unit in log.header().units[1:]]
    [('module', 'blocks.0.up', 'blocks.0'), ('parameter', 'blocks.0.up.weight', 'blocks.0')]
    >>> (batch,) = log.batches()
    >>> batch["step"].to_pylist(), batch["loss"].to_pylist()
    ([0, 0, 10, 10], [1.0, None, 0.5, None])
    """

    def __init__(self, framework: str, caveats: Sequence[str] = ()) -> None:
        self.framework, self.caveats = framework, list(caveats)
        self._codes: dict[tuple[str, str], int] = {}
        self._numbers: dict[str, list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]] = {}
        self._lists: dict[str, dict[tuple[int, int], NDArray[Any]]] = {}

    def add(self, quantity: str, steps: Sequence[int], names: Sequence[str], values: ArrayLike) -> None:
        """Numbers of a quantity that the file stores, or "size": a step, a layer's name ("" for the run) and a value each."""
        role = "module" if quantity == "size" else RECORDED_QUANTITIES[quantity].role
        codes = {name: self._code(role, name) for name in dict.fromkeys(names)}
        own = np.array([codes[name] for name in names], np.int64)
        found = np.asarray(steps, np.int64), own, np.asarray(values, float)
        self._numbers.setdefault(quantity, []).append(found)

    def add_list(self, name: str, role: str, step: int, unit: str, values: NDArray[Any]) -> None:
        """One of DISTRIBUTIONS of a unit at a step."""
        self._lists.setdefault(name, {})[step, self._code(role, unit)] = values

    def header(self) -> Header:
        """The units by name, and the caveats; raises ValueError where it speaks of no layer, or of too many."""
        units, _ = self._units()
        if len(units) < 2:
            raise ValueError("it has no numbers of layers")
        if len(units) > MOST_UNITS:
            raise ValueError(f"it has {len(units):,} layers and parameters and {MOST_UNITS:,} are read")
        gaps = np.diff(self._steps())
        every = int(gaps.min()) if len(gaps) else 1
        return Header(units, self.framework, every, tuple(self.caveats), finished=True, is_log=True)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, a record for each step at which anything was logged of a layer; of the run what is latest by then."""
        units, places = self._units()
        steps = self._steps()
        columns = {name: self._column(name, parts, places, steps) for name, parts in self._numbers.items()}
        lists: dict[int, list[tuple[str, int, NDArray[Any]]]] = {}
        for name, found in self._lists.items():
            for (step, code), values in found.items():
                lists.setdefault(step, []).append((name, places[code], values))
        waiting: list[Rows] = []
        for record, step in enumerate(steps.tolist()):
            rows = RecordRows(step, len(units))
            for name, (at, own, values) in columns.items():
                here = slice(*np.searchsorted(at, [record, record + 1]))
                rows.put(name, own[here], values[here])
                if name == "size" or RECORDED_QUANTITIES[name].role == "module":
                    rows.put("passes", own[here], 1)
            for name, place, values in lists.get(step, ()):
                rows.put(name, [place], values)
            waiting.append(rows.rows())
            if len(waiting) == RECORDS_A_BATCH:
                yield batch_of(waiting)
                waiting = []
        if waiting:
            yield batch_of(waiting)

    def _code(self, role: str, name: str) -> int:
        if len(name) > LONGEST_TEXT:
            raise ValueError(f"the name of a layer must have at most {LONGEST_TEXT} characters; got {len(name):,}")
        return self._codes.setdefault((role, name), len(self._codes))

    def _steps(self) -> NDArray[np.int64]:
        """Every step at which anything was logged of a layer, increasing."""
        found = [steps for name, parts in self._numbers.items() if _role(name) != "run" for steps, _, _ in parts]
        found += [np.array([step for step, _ in each], np.int64) for each in self._lists.values()]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def _units(self) -> tuple[tuple[Unit, ...], NDArray[np.int64]]:
        """All units, the run first, then modules, then parameters; the place of each code among them."""
        own = {name for role, name in self._codes if role == "module"}
        modules = dict.fromkeys(
            name if role == "module" else owner_of(name, own) for role, name in self._codes if role != "run"
        )
        order = {name: place for place, name in enumerate(modules)}
        inner = {name[:end] for name in modules for end, letter in enumerate(name) if letter == "."}
        units = [Unit("run", "")]
        for name in modules:
            units.append(
                Unit("module", name, block=_block(name, inner), order=order[name], leaf=name not in inner, trained=True)
            )
        for role, name in self._codes:
            if role == "parameter":
                owner = owner_of(name, own)
                units.append(
                    Unit("parameter", name, module=owner, block=_block(owner, inner), order=order[owner], trained=True)
                )
        at = {(unit.role, unit.name): place for place, unit in enumerate(units)}
        return tuple(units), np.array([at[key] for key in self._codes], np.int64)

    def _column(
        self, name: str, parts: list[Any], places: NDArray[np.int64], steps: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Record, unit and value of each number of a quantity, by record; of two at one step and unit the later."""
        when, codes, values = (np.concatenate(column) for column in zip(*parts, strict=True))
        if _role(name) == "run":
            ordered = np.argsort(when, kind="stable")
            when, values = when[ordered], values[ordered]
            latest = np.searchsorted(when, steps, side="right") - 1
            before = np.concatenate([[np.iinfo(np.int64).min], steps[:-1]])
            there = (latest >= 0) & (when[np.maximum(latest, 0)] > before)
            return np.flatnonzero(there), np.zeros(int(there.sum()), np.int64), values[latest[there]]
        at, own = np.searchsorted(steps, when), places[codes]
        _, last = np.unique((at * len(places) + codes)[::-1], return_index=True)
        kept = len(at) - 1 - last
        return at[kept], own[kept], values[kept]


def owner_of(parameter: str, modules: Collection[str]) -> str:
    """The module of a parameter: the name before its last dot; itself where that has none or a number behind it.

    >>> [owner_of(name, ["fc2"]) for name in ("0.weight", "fc1", "blocks.3", "fc2")]
    ['0', 'fc1', 'blocks.3', 'fc2']
    """
    before, _, last = parameter.rpartition(".")
    return parameter if parameter in modules or not before or last.isdecimal() else before


def _role(quantity: str) -> str:
    return "module" if quantity == "size" else RECORDED_QUANTITIES[quantity].role


def _block(name: str, inner: set[str]) -> str:
    """The outermost numbered part of a name that has modules inside; "" for none."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        prefix = ".".join(parts[:end])
        if parts[end - 1].isdecimal() and prefix in inner:
            return prefix
    return ""
