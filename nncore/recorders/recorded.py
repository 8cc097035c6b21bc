"""A recorded run as arrays: what each module and parameter did at each recorded step, while it runs or afterwards."""

from __future__ import annotations

import io
import json
import mmap
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore.display.shown import Shown, plotted
from nncore.history.history import Target
from nncore.history.whole_file import whole_file
from nncore.measures.measurement import inert
from nncore.numerics.choices import choose
from nncore.numerics.read_only import read_only
from nncore.recorders.columns import DISTRIBUTIONS, RECORDED_QUANTITIES, STORED, RecordedQuantity, schema
from nncore.recorders.logs import HEAD, event_files, is_log, joined, read_log
from nncore.recorders.stream import STREAM, pieces
from nncore.recorders.units import KIND, Header, Unit

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Floats = NDArray[np.float64]

PARQUET = b"PAR1"


@dataclass(frozen=True)
class Block:
    """A numbered part of the model, or a module outside of all such parts, in execution order.

    `modules`: indices into Recorded.modules, in execution order. `output`: the index of the module whose output is the
    block's own, None where that was not recorded.
    """

    name: str
    modules: tuple[int, ...]
    output: int | None


class Recorded(Shown):
    """A run recorded from somebody else's training, such as PyTorch's.

    Arrays have the recorded steps first, then the modules, or parameters, in execution order. NaN stands where a number
    is not defined: a module that was not called at that step, a share that its kind does not have. What charts draw is made
    from it by `nncore.recorders.measures`.

    >>> import io, tempfile
    >>> from nncore.recorders.example import example
    >>> recorded = Recorded.open(example(tempfile.mkdtemp() + "/run.arrows"))
    >>> recorded.steps, [module.name for module in recorded.modules]
    (array([ 0, 10, 20]), ['0', '1', '2'])
    >>> recorded.quantity("delta_norm").shape, recorded.quantity("update_ratio").shape
    ((3, 3), (3, 4))
    >>> recorded.loss
    array([0.7 , 0.65, 0.6 ])
    >>> recorded.finished, recorded.blocks[0]
    (True, Block(name='0', modules=(0,), output=0))
    """

    def __init__(self, source: IO[bytes], memory_budget: int | None = None) -> None:
        """Read what there is in a binary file; `refresh` reads on. Use `open` for a path.

        `memory_budget`: bytes that its numbers may take. Raises ValueError, one sentence, when it holds no recorded run,
        or a larger one.
        """
        self._begin(source, memory_budget)
        source.seek(0)
        head = source.read(HEAD)
        self._is_stream = head.startswith(STREAM)
        if head.startswith(PARQUET):
            self._read_parquet()
        elif self._is_stream:
            self.refresh()
        elif is_log(head):
            self._is_log = True
            source.seek(0)
            self._read_log(source.read())
        else:
            raise ValueError(
                "this is no recorded run: it is neither a stream of measurements nor Parquet, an event file of TensorBoard or a "
                "CSV with the columns step, layer, quantity, value"
            )
        if self._header is None:
            raise ValueError("this is no recorded run yet: its header is not whole")

    def _begin(self, source: IO[bytes], memory_budget: int | None) -> None:
        self._source, self._budget = source, memory_budget
        self._offset, self._is_stream, self._is_log = 0, False, False
        self._header: Header | None = None
        self._steps: list[int] = []
        self._records: list[dict[str, NDArray[Any]]] = []
        self._size = 0
        self._log_state: LogState = ()
        self.path: Path | None = None
        self.reading_seconds = 0.0
        """Seconds that it took to read the whole of a log, as is done again when it has grown."""

    @classmethod
    def open(cls, path: str | os.PathLike[str], memory_budget: int | None = None) -> Recorded:
        """The run in a file: a stream that may still be written, the Parquet file of one that was closed, or a log.

        A log is an event file of TensorBoard, a folder with some, or a tidy CSV (`nncore.recorders.logs`). Raises ValueError, one sentence, when it holds none, OSError when it cannot be read.
        """
        place, before = Path(path), _log_state(Path(path))
        if place.is_dir():
            found = cls(io.BytesIO(joined(place)), memory_budget)
        else:
            with open(place, "rb") as file:
                found = cls(io.BytesIO(file.read()), memory_budget)
        found.path, found._source = place, io.BytesIO()  # from now on it reads from the path
        found._log_state = before
        return found

    @classmethod
    def of(cls, header: Header, batches: Iterable[pa.RecordBatch], memory_budget: int | None = None) -> Recorded:
        """The run of a header and its rows, such as those of a log or a history."""
        found = cls.__new__(cls)
        found._begin(io.BytesIO(), memory_budget)
        found._take_header(header)
        for batch in batches:
            found._take_rows(batch)
        return found

    def refresh(self) -> bool:
        """Read on where reading ended last; was there more? Every array and fact is that of the file from then on.

        A stream grows, and a log at a path, all of which is read again where it has changed; of another file the answer is
        no. Raises what `open` does, and is then as it was.
        """
        if not self._is_stream:
            return self.may_grow and self._read_log_again()
        before = self._offset
        if self.path is not None:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                content = memoryview(file.read())
        else:
            self._source.seek(self._offset)
            content = memoryview(self._source.read())
        with _not_recorded("a stream"):
            for piece in pieces(content):
                if piece.header is not None:
                    self._take_header(piece.header)
                elif piece.rows is not None:
                    self._take_rows(piece.rows)
                self._offset = before + piece.end
        if self._offset > before:
            self._forget()
        return self._offset > before

    # What was recorded -------------------------------------------------------------------------------------------

    @property
    def header(self) -> Header:
        """The facts beside the numbers."""
        assert self._header is not None
        return self._header

    @property
    def finished(self) -> bool:
        """Was recording closed? Otherwise it is still going on, or was killed."""
        return self.header.finished

    @property
    def may_grow(self) -> bool:
        """May there be more later? In a stream that is not closed, and in a log at a path, which never says that it is over."""
        if self._is_stream:
            return self._header is None or not self.finished
        return self._is_log and self.path is not None

    @property
    def ended(self) -> str:
        """The error that recording ended with; "" for none."""
        return self.header.ended

    @property
    def caveats(self) -> tuple[str, ...]:
        """Sentences that a reader has to know."""
        return self.header.caveats

    @cached_property
    def steps(self) -> NDArray[np.int64]:
        """The recorded steps, (n_records,): updates of θ before each, so that 0 is the first."""
        return read_only(np.array(self._steps, np.int64))

    @cached_property
    def modules(self) -> tuple[Unit, ...]:
        """The modules in execution order; those never called come last."""
        return tuple(self.header.units[place] for place in self._places["module"])

    @cached_property
    def parameters(self) -> tuple[Unit, ...]:
        """The parameters in the execution order of their modules."""
        return tuple(self.header.units[place] for place in self._places["parameter"])

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The model's numbered parts and the modules outside of them, in execution order: rows for a page of 300 layers."""
        members: dict[str, list[int]] = {}
        for place, module in enumerate(self.modules):
            members.setdefault(module.block or module.name, []).append(place)
        found = []
        for name, places in members.items():
            output = next((place for place in places if self.modules[place].name == name), None)
            if output is not None and self.modules[output].order < 0:
                output = None
            found.append(Block(name, tuple(places), output))
        return tuple(found)

    @cached_property
    def kinds(self) -> dict[str, tuple[int, ...]]:
        """What stands in two blocks or more, such as attn.qkv -> the modules of that kind, as indices, in execution order."""
        found: dict[str, list[int]] = {}
        for place, module in enumerate(self.modules):
            if module.block and module.kind:
                found.setdefault(module.kind, []).append(place)
        return {kind: tuple(places) for kind, places in found.items() if len(places) > 1}

    @cached_property
    def called(self) -> tuple[int, ...]:
        """Modules, as indices, that were ever called; where no call was seen, as of a compiled model, those with weights."""
        found = tuple(place for place, module in enumerate(self.modules) if module.order >= 0)
        weighted = {owner for unit in self.parameters for owner in _owners(unit)}
        return found or tuple(place for place, module in enumerate(self.modules) if module.name in weighted)

    @cached_property
    def path_of_gradient(self) -> tuple[int, ...]:
        """Modules, as indices, that the gradient passes one after the other from input to output.

        The outputs of blocks where two or more were recorded, and modules with weights outside of blocks; all modules with
        weights where there are no such blocks, and where the modules are a chain. In another a module inside a block may lie
        on a branch, where little gradient is no harm.
        """
        weighted = {owner for unit in self.parameters for owner in _owners(unit)}
        called = self.called
        outputs = {block.output for block in self.blocks if self.modules[block.modules[0]].block} - {None}
        leaves = [self.modules[place] for place in called if self.modules[place].leaf]
        is_chain = all(now.follows == before.name for before, now in pairwise(leaves))
        if len(outputs) >= 2 and not is_chain:
            return tuple(
                place
                for place in called
                if place in outputs or (not self.modules[place].block and self.modules[place].name in weighted)
            )
        return tuple(place for place in called if self.modules[place].name in weighted and self.modules[place].leaf)

    @property
    def loss(self) -> Floats:
        """The loss at each recorded step, (n_records,); NaN where none was logged."""
        return self.quantity("loss")

    def quantity(self, name: str) -> Floats:
        """One of RECORDED_QUANTITIES: (n_records,) of the run, (n_records, n_modules) or (n_records, n_parameters).

        Raises ValueError, listing the choices, on another name.
        """
        if name not in self._arrays:
            self._arrays[name] = read_only(self._array(choose("quantity", name, RECORDED_QUANTITIES)))
        return self._arrays[name]

    def has_number(self, name: str) -> NDArray[np.bool_]:
        """Where a quantity has a number, which may be NaN or infinite; False where it is not defined. Shaped as it is."""
        quantity = choose("quantity", name, RECORDED_QUANTITIES)
        if quantity.of:
            both = np.logical_and.reduce([self.has_number(each) for each in quantity.of if each in STORED])
            return np.asarray(both & (self._below(quantity) != 0))
        found = self._dense(f"has {name}", 0)[:, self._places[quantity.role]].astype(bool)
        return found[:, 0] if quantity.role == "run" else found

    def distribution(self, name: str, record: int) -> NDArray[Any]:
        """One of DISTRIBUTIONS at a record: (n_modules or n_parameters, length); quantiles as float, octaves as counts.

        `activation_quantiles`: 33 evenly spaced quantiles; NaN where there are none. `delta_octaves` and
        `gradient_octaves`: how many of the sampled values lie in each octave of `columns.OCTAVES`; 0 where there are none.
        """
        role, length = choose("distribution", name, DISTRIBUTIONS)
        floats = name == "activation_quantiles"
        found = np.full((len(self.header.units), length), np.nan if floats else 0, np.float64 if floats else np.int64)
        kept = self._records[record]
        found[kept["unit"][kept[f"has {name}"]]] = kept[name]
        return found[self._places[role]]

    def has_distribution(self, name: str) -> NDArray[np.bool_]:
        """At which records a distribution was kept, (n_records,): a long run keeps fewer."""
        choose("distribution", name, DISTRIBUTIONS)
        return np.array([bool(kept[f"has {name}"].any()) for kept in self._records], bool)

    def passes(self) -> NDArray[np.int64]:
        """Forward passes that each module's numbers are of, (n_records, n_modules): 0 where it was not called."""
        return self._dense("passes", 0)[:, self._places["module"]].astype(np.int64)

    def weight_of(self, module: int) -> int | None:
        """The parameter, as index, that is a module's weight: its own one of two or more dimensions; None for none."""
        name = self.modules[module].name
        return next((k for k, unit in enumerate(self.parameters) if name in _owners(unit) and unit.is_weight), None)

    # As files ------------------------------------------------------------------------------------------------

    def frame(self) -> pd.DataFrame:
        """A tidy table, one row per number: step, layer (a module's or parameter's name, "" for the run), quantity, value.

        What is not defined has no row; a number that is not finite has one.
        """
        import pandas as pd

        parts = []
        for quantity in RECORDED_QUANTITIES.values():
            found = self.quantity(quantity.name)
            values = found[:, None] if quantity.role == "run" else found
            units = {"run": ("",), "module": self._names("module"), "parameter": self._names("parameter")}[
                quantity.role
            ]
            has = self.has_number(quantity.name)
            record, place = np.nonzero(has[:, None] if quantity.role == "run" else has)
            parts.append((record, np.array(units, object)[place], quantity.name, values[record, place]))
        return pd.DataFrame(
            {
                "step": self.steps[np.concatenate([part[0] for part in parts])],
                "layer": np.concatenate([part[1] for part in parts]),
                "quantity": np.concatenate([np.full(len(part[0]), part[2], object) for part in parts]),
                "value": np.concatenate([part[3] for part in parts]),
            }
        ).sort_values("step", kind="stable", ignore_index=True)

    def to_csv(self, target: Target) -> None:
        """The tidy table `frame` as CSV, every float in full, also inf and nan; no spreadsheet takes a name for a formula."""
        frame = self.frame()
        frame["layer"] = [inert(name) for name in frame["layer"]]
        with whole_file(target) as file:
            frame.to_csv(file, index=False, na_rep="nan")

    def to_parquet(self, target: Target) -> None:
        """All rows, distributions included, as one Parquet file, which `open` reads again and any other tool does."""
        import pyarrow as pa

        with whole_file(target) as file, _parquet_writer(file, self.header) as writer:
            for start in range(0, len(self._records), GROUP):
                batches = [_batch_of(kept) for kept in self._records[start : start + GROUP]]
                writer.write_table(pa.Table.from_batches(batches))

    def plot(self, name: str = "gradient flow", step: int | None = None, *, dark: bool = False) -> Any:
        """The chart of this name on the dashboard's page Your own model, at the record nearest to a step.

        A plotly.graph_objects.Figure; by default at the last record with a finite δ, in the light theme. Needs
        `pip install nncore[plot]`. Raises ValueError, one sentence with the choices, on a name that there is not.

        >>> import tempfile
        >>> from nncore.recorders.example import example
        >>> recorded = Recorded.open(example(tempfile.mkdtemp() + "/run.arrows"))
        >>> [trace.name for trace in recorded.plot("gradient flow", step=20).data]
        ['δ at step 0', 'δ at step 20', '∂E/∂W at step 0', '∂E/∂W at step 20']
        """
        return plotted(self, name, step, dark)

    def __repr__(self) -> str:
        last = f"step {self.steps[-1]:,}" if len(self.steps) else "no step yet"
        state = "finished" if self.finished else "unfinished"
        return (
            f"<Recorded {len(self.modules)} modules, {len(self.parameters)} parameters, {len(self.steps)} records "
            f"to {last}, {state}>"
        )

    # Reading -------------------------------------------------------------------------------------------------------

    @cached_property
    def _arrays(self) -> dict[str, Floats]:
        return {}

    @cached_property
    def _places(self) -> dict[str, NDArray[np.int64]]:
        """Role -> its units' places in the header, in execution order; what was never called behind."""
        found = {}
        for role in ("run", "module", "parameter"):
            places = [place for place, unit in enumerate(self.header.units) if unit.role == role]
            places.sort(key=lambda place: (self.header.units[place].order < 0, self.header.units[place].order))
            found[role] = np.array(places, np.int64)
        return found

    def _names(self, role: str) -> list[str]:
        return [self.header.units[place].name for place in self._places[role]]

    def _array(self, quantity: RecordedQuantity) -> Floats:
        places = self._places[quantity.role]
        if not quantity.of:
            found = self._dense(quantity.name, np.nan)[:, places]
        else:
            below = self._below(quantity)
            with np.errstate(all="ignore"):
                found = np.where(below != 0, self.quantity(quantity.of[0]) / below, np.nan)
        return found[:, 0] if quantity.role == "run" else found

    def _below(self, quantity: RecordedQuantity) -> Floats:
        """What a ratio is divided by."""
        under = quantity.of[1]
        return np.sqrt(self._dense("size", 0)[:, self._places["module"]]) if under == "√size" else self.quantity(under)

    def _dense(self, name: str, blank: float) -> Floats:
        """A column of all records and units, (n_records, n_units)."""
        found = np.full((len(self._records), len(self.header.units)), blank)
        for row, kept in zip(found, self._records, strict=True):
            row[kept["unit"]] = kept[name]
        return found

    def __getstate__(self) -> dict[str, Any]:
        """What is packed or copied: all but what is worked out again where somebody asks, so that that stays read-only."""
        worked_out = {name for name, value in vars(type(self)).items() if isinstance(value, cached_property)}
        return {name: value for name, value in vars(self).items() if name not in worked_out}

    def _forget(self) -> None:
        for name, value in vars(type(self)).items():
            if isinstance(value, cached_property):
                vars(self).pop(name, None)

    def _take_header(self, header: Header) -> None:
        if self._header is not None:
            before = [(unit.role, unit.name) for unit in self._header.units]
            if [(unit.role, unit.name) for unit in header.units[: len(before)]] != before:
                raise ValueError("its units change their places")
        self._header = header

    def _take_rows(self, batch: pa.RecordBatch | pa.Table) -> None:
        if self._header is None:
            raise ValueError("it has rows before its header")
        self._size += batch.nbytes
        if self._budget is not None and self._size > self._budget:
            raise ValueError(f"its numbers would take more than the {self._budget / 2**20:,.0f} MB that are allowed")
        columns = {
            name: batch.column(name).to_numpy(zero_copy_only=False) for name in ("step", "unit", "passes", "size")
        }
        steps, units = columns["step"], columns["unit"]
        if len(units) and not ((units >= 0) & (units < len(self._header.units))).all():
            raise ValueError("a row is of no unit")
        starts = np.flatnonzero(np.diff(steps, prepend=steps[:1] - 1))
        ends = [*starts[1:], len(steps)]
        columns |= {name: batch.column(name).to_numpy(zero_copy_only=False) for name in STORED}
        columns |= {f"has {name}": batch.column(name).is_valid().to_numpy(zero_copy_only=False) for name in STORED}
        lists = {name: _lists(batch.column(name), DISTRIBUTIONS[name][1]) for name in DISTRIBUTIONS}
        for start, end in zip(starts, ends, strict=True):
            step, rows = int(steps[start]), slice(start, end)
            if self._steps and step <= self._steps[-1]:
                raise ValueError("its steps do not increase")
            if len(np.unique(units[rows])) < end - start:
                raise ValueError(f"a unit has two rows at step {step:,}")
            kept = {name: values[rows] for name, values in columns.items()}
            for name, (has, values, before) in lists.items():
                kept[f"has {name}"] = has[rows]
                kept[name] = values[before[start] : before[end]]
            self._steps.append(step)
            self._records.append(kept)

    def _read_log(self, content: bytes) -> None:
        begun = time.perf_counter()
        with _not_recorded("a log"):
            log = read_log(content, self._budget)
            self._take_header(log.header())
            for batch in log.batches():
                self._take_rows(batch)
        self.reading_seconds = time.perf_counter() - begun

    def _read_log_again(self) -> bool:
        """Its names, their order and its loss at each record may be others with what came last, so nothing is kept."""
        assert self.path is not None
        if _log_state(self.path) == self._log_state:
            return False
        again = Recorded.open(self.path, self._budget)
        vars(self).clear()
        vars(self).update(vars(again))
        return True

    def _read_parquet(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with _not_recorded("Parquet", pa.ArrowException, OSError):
            file = pq.ParquetFile(self._source)
            self._take_header(Header.from_json((file.schema_arrow.metadata or {}).get(b"nncore", b"{}")))
            if [(each.name, each.type) for each in file.schema_arrow] != [(each.name, each.type) for each in schema()]:
                raise ValueError("its columns are not those of recorded measurements")
            least = file.metadata.num_rows * 8 * len(STORED)
            if self._budget is not None and least > self._budget:
                raise ValueError(
                    f"its numbers would take more than the {self._budget / 2**20:,.0f} MB that are allowed"
                )
            for group in range(file.num_row_groups):
                self._take_rows(file.read_row_group(group).combine_chunks())


@contextmanager
def _not_recorded(kind: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn whatever is wrong with a file's content into one sentence."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (ValueError, *errors)):
            raise
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise ValueError(f"this is no recorded run in {kind}, or a damaged one: {reason}") from error


LogState = tuple[tuple[str, int, int], ...]
"""Name, size and time of change in nanoseconds of each file of a log."""


def _log_state(path: Path) -> LogState:
    """What tells a log from itself when more has been written to it."""
    facts = ((each.name, each.stat()) for each in (event_files(path) if path.is_dir() else [path]))
    return tuple((name, fact.st_size, fact.st_mtime_ns) for name, fact in facts)


GROUP = 64
"""Records to a row group of the Parquet file."""


def is_recorded(path: str | os.PathLike[str]) -> bool:
    """Does a file hold a recorded run, by its content, whatever its name? Raises OSError where it cannot be read.

    So does a folder with event files of TensorBoard in it.
    """
    if Path(path).is_dir():
        return bool(event_files(Path(path)))
    with open(path, "rb") as file:
        head = file.read(HEAD)
        if not head.startswith(PARQUET):
            return head.startswith(STREAM) or is_log(head)
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        facts = pq.read_schema(path).metadata or {}
        return bool(json.loads(facts.get(b"nncore", b"{}")).get("kind") == KIND)
    except (pa.ArrowException, OSError, ValueError, AttributeError, RecursionError):
        return False


def compact(path: str | os.PathLike[str], target: Target) -> None:
    """Write a stream as Parquet, as `Recorded.to_parquet` does, without holding its numbers: a few batches at a time.

    Raises ValueError where the file is no stream with a header, OSError where it cannot be read or written.
    """
    import pyarrow as pa

    header: Header | None = None
    with open(path, "rb") as file, _not_recorded("a stream"):
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        for piece in pieces(content):
            header = piece.header or header
        if header is None:
            raise ValueError("its header is not whole")
        with whole_file(target) as out, _parquet_writer(out, header) as writer:
            waiting: list[Any] = []
            for piece in pieces(content):
                waiting += [] if piece.rows is None else [piece.rows]
                if sum(map(len, waiting)) >= GROUP * len(header.units):
                    writer.write_table(pa.Table.from_batches(waiting))
                    waiting.clear()
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting))


def _parquet_writer(file: IO[bytes], header: Header) -> Any:
    import pyarrow.parquet as pq

    facts = schema().with_metadata({"nncore": header.to_json()})
    return pq.ParquetWriter(
        file,
        facts,
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        use_byte_stream_split=list(STORED),
    )


def _owners(parameter: Unit) -> tuple[str, ...]:
    """The modules that a parameter belongs to; a tied one to several."""
    return (parameter.module, *(alias.rpartition(".")[0] for alias in parameter.aliases))


def _lists(column: Any, length: int) -> tuple[NDArray[np.bool_], NDArray[Any], NDArray[np.int64]]:
    """Which rows have a list, (n,); the lists of those, (n_with, length); how many such come before each row, (n + 1,)."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    has = column.is_valid().to_numpy(zero_copy_only=False)
    values = column.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, length)
    return has, values, np.concatenate([[0], np.cumsum(has)])


def _batch_of(kept: dict[str, NDArray[Any]]) -> pa.RecordBatch:
    """One record's rows as they were in the file."""
    import pyarrow as pa

    count, columns = len(kept["unit"]), []
    for field in schema():
        values = kept[field.name]
        if pa.types.is_fixed_size_list(field.type):
            whole = np.zeros((count, field.type.list_size), values.dtype)
            has = kept[f"has {field.name}"]
            whole[has] = values
            columns.append(
                pa.FixedSizeListArray.from_arrays(pa.array(whole.reshape(-1)), type=field.type, mask=pa.array(~has))
            )
        else:
            mask = ~kept[f"has {field.name}"] if field.nullable else None
            columns.append(pa.array(values, type=field.type, mask=mask))
    return pa.record_batch(columns, schema=schema())
