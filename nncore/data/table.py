"""A table of a person's own: its columns, and a choice of target and inputs that a config can name."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from cachetools import LRUCache, cached
from numpy.typing import NDArray

from nncore.data import TASKS, Data, Dataset, Floats, sampled
from nncore.data.outline import Outline, said_of
from nncore.numerics.choices import choose

MAX_CLASSES = 50
"""Classes that a target may have."""

MAX_LEVELS = 20
"""Values of a text column that get an input of their own; the others share one."""

MAX_INPUTS = 1000
"""Inputs after categories have become columns."""

FEW_VALUES = 10
"""A target of whole numbers with at most so many different values is taken for classes."""

FEWEST_ROWS = 4

TARGET_NAMES = ("target", "label", "class", "y", "outcome")
ROW_NAMES = ("id", "index", "idx", "row", "rownum", "rowid", "rownames", "no", "nr", "number", "#")
CASES = ("row", "record", "case", "sample", "serial", "observation", "obs", "line", "item")
"""Names of columns that number the rows, and words that may stand before them: row_no, "Sample Number"."""

COUNTED = ("x", "t", "time", "step", "epoch", "day", "week", "month", "year", "hour", "minute", "second", "age", "n")
"""Names of quantities that may run 0, 1, 2, ... and mean it."""

FEWEST_RUNNING = 10
"""Rows from which on a column that runs with them is taken for a number of the row."""

KEPT = 8
"""Choices of a table made into a data set, and splits of them, that are kept with it, the last used ones."""


class TableNotHere(ValueError):
    """A config names a table, by its digest, whose rows are not at hand."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(
            f"this needs the rows of the run's own table ({digest[:8]}), which stays where it was read and "
            "is not here: read its file again with read_table and let nncore look for it, "
            "nncore.look_in({table.digest: table}.get), or name it with --table on the command line; where it was arrays, "
            "RunConfig.from_arrays(x, y) with the same ones finds it"
        )


@dataclass(frozen=True, eq=False)
class Column:
    """A column: float64 values, NaN where missing; or codes of `levels`, the most frequent first.

    A code of -1 is a missing cell, one of len(levels) a value too rare to be listed. `distinct` counts all
    values of text; `infinite` the infinite numbers that were taken for missing; `notes` say what was read otherwise than
    it stands in the file, and `codes` are cells that may stand for a missing value.
    """

    name: str
    values: NDArray
    levels: tuple[str, ...] = ()
    distinct: int = 0
    infinite: int = 0
    notes: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Numbers, not categories?"""
        return self.values.dtype.kind == "f"

    @cached_property
    def is_missing(self) -> NDArray[np.bool_]:
        """Where no value is, (n_rows,)."""
        return np.isnan(self.values) if self.is_number else self.values < 0

    @cached_property
    def numbers(self) -> Floats:
        """The different numbers, in order; none for text."""
        return np.unique(self.values[~self.is_missing]) if self.is_number else np.empty(0)

    @property
    def n_present(self) -> int:
        """Rows that have a value."""
        return int(np.count_nonzero(~self.is_missing))

    @property
    def n_values(self) -> int:
        """How many different values there are."""
        return len(self.numbers) if self.is_number else self.distinct

    @property
    def repeats(self) -> bool:
        """Categories that come again in other rows; not names, ids or free text."""
        return not self.is_number and 2 * self.distinct <= self.n_present

    @property
    def is_id(self) -> bool:
        """Whole numbers that the name calls an id: they tell cases apart and measure nothing."""
        return "id" in _id_words(self.name) and self._is_whole

    @property
    def counts_rows(self) -> bool:
        """A number of the row, by its name and its values: it says nothing about the target."""
        words = _id_words(self.name)
        named = " ".join(words) in ROW_NAMES or bool(re.fullmatch(r"(?:column 1|unnamed 0)(?: \d+)?", " ".join(words)))
        named = named or "id" in words or (len(words) == 2 and words[0] in CASES and words[1] in ROW_NAMES)
        return named and self._is_whole and not self.is_missing.any() and len(self.numbers) == len(self.values)

    @property
    def _is_whole(self) -> bool:
        return self.is_number and bool((self.numbers == np.round(self.numbers)).all())

    @property
    def runs(self) -> bool:
        """0, 1, 2, ... or 1, 2, 3, ... down the rows?"""
        return (
            self.is_number
            and len(self.values) >= FEWEST_RUNNING
            and self.values[0] in (0.0, 1.0)
            and bool((np.diff(self.values) == 1).all())
        )

    @property
    def holds_times(self) -> bool:
        """Text that is dates or times of day, in nine of ten of its values?"""
        shown = [bool(_TIME.fullmatch(level)) for level in self.levels]
        return bool(shown) and sum(shown) >= 0.9 * len(shown)


_TIME = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[ .-]+[A-Za-z]{3,9}\.?[ ,-]+\d{2,4}"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}|\d{4}-\d{2})?"
    r"(?:[T ,]*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:[AaPp]\.?[Mm]\.?)?)?(?:\s?(?:Z|UTC|[+-]\d{2}:?\d{2}))?"
)
"""A date, a time of day, or both."""


def _id_words(name: str) -> list[str]:
    """The words of a column's name, in small letters; "id" only at their beginning or end.

    >>> _id_words("PassengerId"), _id_words("row_no"), _id_words("Unnamed: 0"), _id_words("acid")
    (['passenger', 'id'], ['row', 'no'], ['unnamed', '0'], ['acid'])
    """
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|#", name)]
    return [word for place, word in enumerate(words) if word != "id" or place in (0, len(words) - 1)]


@dataclass(frozen=True, eq=False)
class Table:
    """A person's own rows, read by `read_table`: columns of numbers and of categories.

    `digest` names the content: the same file, read with the same `header`, has the same one. `n_rows` of the file's `rows_in_file` are kept.
    The last `n_test` of them are for testing alone.
    `head` are the first of them as they stand in the file; `notes` say what was left out around them, `missing` which cells
    were said to hold no value. `datasets` and `splits` are what choices made of the rows,
    by their text: it leaves the memory with the table, and no pickle holds it.
    """

    digest: str
    columns: tuple[Column, ...]
    n_rows: int
    rows_in_file: int
    separator: str
    encoding: str
    head: tuple[tuple[str, ...], ...]
    header: bool = True
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    n_test: int = 0
    datasets: LRUCache[str, Dataset] = field(default_factory=lambda: LRUCache(KEPT), init=False, repr=False)
    splits: LRUCache[Hashable, Data] = field(default_factory=lambda: LRUCache(KEPT), init=False, repr=False)
    lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def __reduce__(self) -> tuple[type[Table], tuple[Any, ...]]:
        return Table, tuple(getattr(self, each.name) for each in fields(self) if each.init)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def nbytes(self) -> int:
        """Memory of the columns."""
        return sum(column.values.nbytes for column in self.columns)

    def choose(
        self, target: str | None = None, inputs: Iterable[str] | None = None, task: str | None = None
    ) -> TableChoice:
        """What a config names by `table=`: the target to predict, the inputs to predict it from, and the task.

        By default the target is a column called target, label, class, y or outcome, else the last one that
        can be a target; the inputs are all others that say something; the task follows from the target.
        Raises ValueError, one sentence, on a choice that cannot be learned.

        >>> from nncore import RunConfig, read_table, run
        >>> table = read_table(b"x,y\\n0,0\\n1,1\\n2,4\\n3,9\\n4,16\\n5,25\\n")
        >>> config = RunConfig(dataset="table", table=table.choose(target="y"), n_samples=6, steps=3, hidden=(2,))
        >>> run(config).loss.shape, config.source.task
        ((4,), 'regression')
        """
        place = self._default_target() if target is None else self._place(target)
        kind = self.task_of(self.names[place]) if task is None else choose("task", task, TASKS)
        if isinstance(inputs, str):
            inputs = [inputs]
        if inputs is None:
            chosen = [self.names.index(column.name) for column in self.suggested_inputs(self.names[place])]
        else:
            chosen = sorted({self._place(name) for name in inputs})
        choice = TableChoice(self.digest, kind, place, tuple(chosen), self)
        choice.check()
        return choice

    def task_of(self, target: str) -> str:
        """The task that a target's values suggest: classes for text and for few whole numbers."""
        column = self.columns[self._place(target)]
        numbers = column.numbers
        whole = bool((numbers == np.round(numbers)).all())
        few = len(numbers) <= (FEW_VALUES if whole else 2) and 2 * len(numbers) <= column.n_present
        return "classification" if not column.is_number or few else "regression"

    def _place(self, name: str) -> int:
        if not isinstance(name, str):
            raise ValueError(
                f"a network learns one target of a table: target and inputs are names of columns; got {name!r}"
            )
        if name not in self.names:
            raise ValueError(f"the table has no column {shortened(name)}: its columns are {listed(self.names)}")
        return self.names.index(name)

    def _default_target(self) -> int:
        fitting = [
            place
            for place, column in enumerate(self.columns)
            if column.n_values >= 2 and (column.is_number or column.n_values <= MAX_CLASSES) and not column.counts_rows
        ]
        if not fitting:
            raise ValueError(
                "no column can be a target: one is needed that holds two different values or more, "
                f"does not just number the rows, and, if it is text, names at most {MAX_CLASSES} classes"
            )
        lower = [name.lower() for name in self.names]
        if "x" in lower and len(fitting) > 2:  # y is the other coordinate of a map, unless it stands last
            fitting = [place for place in fitting if lower[place] != "y"] if lower[fitting[-1]] != "y" else fitting
        named = [place for place in fitting if lower[place] in TARGET_NAMES]
        return max(named or fitting, key=lambda place: (lower[place] != "y" or not named, place))

    def suggested_inputs(self, target: str) -> list[Column]:
        """The columns that may say something about a target: not constant, not free text, dates or ids, no number of the row.

        A number of the row is taken where nothing else is left.
        """
        fitting = [
            column
            for column in self.columns
            if column.name != target and column.n_values >= 2 and (column.is_number or column.repeats)
        ]
        return [column for column in fitting if not self.why_not(column)] or fitting

    def why_not(self, column: Column) -> str:
        """Why a column is not suggested as an input; "" for one that is."""
        if column.is_missing.all():
            return "holds no value"
        if column.n_values < 2:
            return "is the same in every row"
        if column.counts_rows:
            return "only numbers the rows"
        if column.is_id:
            return "is an id by its name, which tells cases apart and measures nothing"
        if column is self.columns[0] and column.runs and column.name.lower() not in COUNTED:
            return "runs with the rows and only numbers them"
        if column.holds_times:
            return "holds dates or times, not numbers"
        if not column.is_number and not column.repeats:
            return f"is text that hardly repeats ({column.distinct:,} values)"
        return ""

    def left_out(self, target: str, inputs: Iterable[str]) -> dict[str, str]:
        """Column -> why it is no input, of those that are neither target nor input."""
        taken = {target, *inputs}
        return {
            column.name: self.why_not(column) or "is not among the inputs chosen"
            for column in self.columns
            if column.name not in taken
        }


@dataclass(frozen=True, repr=False)
class TableChoice:
    """Target, inputs and task of a table, which its digest names; columns by their place, counted from 0.

    As text, "<digest>.<c or r><target>.<inputs>", it enters a config, a link or a file. The rows come along in
    memory as `table`, which is no part of the text nor of equality; without them every use of the rows raises TableNotHere.
    The `outline` of a file that was opened says what can be said without them.

    >>> choice = TableChoice.parse(f"{'5e' * 16}.c3.0_1_2_5")
    >>> choice.task, choice.target, choice.inputs
    ('classification', 3, (0, 1, 2, 5))
    >>> str(choice).removeprefix(choice.digest)
    '.c3.0-2_5'
    """

    digest: str
    task: str
    target: int
    inputs: tuple[int, ...]
    table: Table | None = field(default=None, compare=False)
    outline: Outline | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str) -> TableChoice:
        """The choice that a text names, without rows; raises ValueError, one sentence, where it names none."""
        match = _FORM.fullmatch(text)
        if not match:
            raise ValueError(
                "table must be what Table.choose returns, a digest with column numbers; "
                f"got {text[:40] + '…' if len(text) > 40 else text!r}"
            )
        digest, task, target, inputs = match.groups()
        places = sorted({place for part in inputs.split("_") if part for place in _range(part)})
        return cls(digest, next(each for each in TASKS if each[0] == task), int(target), tuple(places))

    def __str__(self) -> str:
        return f"{self.digest}.{self.task[0]}{self.target}.{_ranges(self.inputs)}"

    def __repr__(self) -> str:
        return repr(str(self))

    def with_rows(self) -> TableChoice:
        """The same with its table, looked for where `look_in` said, or with the outline that a file has of it.

        Raises TableNotHere where there is neither.
        """
        if self.table is not None:
            return self
        try:
            return replace(self, table=_find(self.digest))
        except TableNotHere:
            outline = self.outline or said_of(str(self))
            if outline is None:
                raise
            return replace(self, outline=outline)

    def rows(self) -> Table:
        """The table itself, looked for once more where it was not here; raises TableNotHere without it."""
        return _find(self.digest) if self.table is None else self.table

    @property
    def outlined(self) -> Outline:
        """What can be said of it without its rows."""
        found = self.with_rows()
        if found.table is None and found.outline is not None:
            return found.outline
        dataset, n_test = found.dataset, found.rows().n_test
        return Outline(dataset.n_features, len(dataset.classes or ()), dataset.max_samples or 0, n_test)

    @property
    def target_column(self) -> Column:
        """The column to predict."""
        return self._column(self.target)

    @property
    def input_columns(self) -> list[Column]:
        """The columns to predict it from."""
        return [self._column(place) for place in self.inputs]

    def _column(self, place: int) -> Column:
        columns = self.rows().columns
        if place >= len(columns):
            raise ValueError(f"the table has {len(columns)} columns, counted from 0; got column {place}")
        return columns[place]

    def check(self) -> None:
        """Raise ValueError, one sentence, when this cannot be learned."""
        target, inputs = self.target_column, self.input_columns
        name = shortened(target.name)
        if target in inputs:
            raise ValueError(f"{name} is the target and cannot be an input too: take it out of the inputs")
        if not inputs:
            raise ValueError("no column is an input: choose at least one that says something about the target")
        for column in inputs:
            if column.is_missing.all():
                raise ValueError(f"{shortened(column.name)} holds no value: take it out of the inputs")
        if target.n_present < FEWEST_ROWS:
            have = "1 row has" if target.n_present == 1 else f"{target.n_present} rows have"
            raise ValueError(f"{have} a value of the target {name}: at least {FEWEST_ROWS} are needed")
        if target.n_values < 2:
            raise ValueError(f"the target {name} is the same in every row: choose a column that varies")
        if self.task == "regression" and not target.is_number:
            raise ValueError(f"the target {name} holds text: choose classification, or a target of numbers")
        if self.task == "classification" and target.n_values > MAX_CLASSES:
            raise ValueError(
                f"the target {name} has {target.n_values:,} different values and {MAX_CLASSES} classes are allowed: "
                f"choose {'regression, or ' if target.is_number else ''}another target"
            )
        width = sum(len(_codes_of(column)) for column in inputs)
        if width > MAX_INPUTS:
            raise ValueError(
                f"the inputs become {width:,} columns and {MAX_INPUTS:,} are allowed: choose fewer, above all fewer of text"
            )

    @property
    def dataset(self) -> Dataset:
        """The table as a data set: its rows are drawn, shuffled and encoded when a run asks for them."""
        if self.table is None:
            found = self.with_rows()
            return found.dataset if found.outline is None or found.table else found._without_rows(found.outline)
        table = self.table
        return cached(table.datasets, key=lambda: str(self), lock=table.lock)(self._make_dataset)()

    def _without_rows(self, outline: Outline) -> Dataset:
        def make(rng: np.random.Generator, n: int, noise: float, k: int) -> tuple[Floats, NDArray]:
            raise TableNotHere(self.digest)

        def test_rows() -> tuple[Floats, NDArray]:
            raise TableNotHere(self.digest)

        return Dataset(
            name="table",
            task=self.task,
            make=make,
            note=f"A table of your own, whose rows are not here: {outline.rows:,} rows.",
            feature_names=outline.feature_names,
            target_name="y",
            classes=outline.class_names,
            real=True,
            uses_noise=False,
            max_samples=outline.rows,
            test_rows=test_rows if outline.test_rows else None,
        )

    def _make_dataset(self) -> Dataset:
        self.check()
        target, inputs, task = self.target_column, self.input_columns, self.task
        table = self.rows()
        usable, first_test = np.flatnonzero(~target.is_missing), table.n_rows - table.n_test
        for_testing, usable = usable[usable >= first_test], usable[usable < first_test]
        codes, classes = labels(target) if task == "classification" else (target.values, ())

        def of(rows: NDArray) -> tuple[Floats, NDArray]:
            x = np.concatenate([_encoded(column, rows) for column in inputs], axis=1)
            return x, codes[rows] if task == "classification" else codes[rows, None]

        def make(rng: np.random.Generator, n: int, noise: float, k: int) -> tuple[Floats, NDArray]:
            return of(usable[sampled(rng, codes[usable] if k else None, len(usable), n)])

        names = [_input_name(column, code) for column in inputs for code in _codes_of(column)]
        return Dataset(
            name="table",
            task=task,
            make=make,
            note=f"A table of your own: {len(usable):,} rows, {len(names)} inputs.",
            feature_names=tuple(names),
            target_name=target.name,
            classes=classes or None,
            real=True,
            uses_noise=False,
            max_samples=len(usable),
            test_rows=(lambda: of(for_testing)) if table.n_test else None,
        )

    def loaded(self, key: Hashable, make: Callable[[], Data]) -> Data:
        """make(), kept with these rows under a key: it leaves the memory when they do."""
        table = self.rows()
        return cached(table.splits, key=lambda: (str(self), key), lock=table.lock)(make)()

    def notes(self) -> list[str]:
        """What is done to these columns before a network sees them, in sentences."""
        table, target, inputs = self.rows(), self.target_column, self.input_columns
        said = list(table.notes)
        left_out = table.left_out(target.name, [column.name for column in inputs])
        said += [f"{shortened(name)} {reason}: it is left out." for name, reason in left_out.items()]
        for column in table.columns:
            if column in (*inputs, target) or not column.is_number:
                said += [f"{shortened(column.name)}{':' if column.is_number else ''} {note}." for note in column.notes]
        if table.n_rows < table.rows_in_file:
            said.append(f"Of {table.rows_in_file:,} rows a sample of {table.n_rows:,} is kept, always the same one.")
        without = int(np.count_nonzero(target.is_missing))
        if without:
            said.append(f"{_rows(without)} without a target {'is' if without == 1 else 'are'} left out.")
        gaps = [column for column in inputs if column.is_number and column.is_missing.any()]
        if gaps:
            said.append(f"Missing numbers ({_counted(gaps)}) become the mean of the training rows.")
        endless = sum(column.infinite for column in (*inputs, target))
        if endless:
            said.append(f"{endless:,} infinite {'number counts' if endless == 1 else 'numbers count'} as missing.")
        text = [column for column in inputs if not column.is_number]
        if text:
            said.append(
                f"Text ({listed([column.name for column in text])}) becomes columns of 0 and 1, one for each value."
            )
        many = [column for column in text if column.distinct > MAX_LEVELS]
        if many:
            said.append(
                f"Of {listed([column.name for column in many])} the {MAX_LEVELS} most frequent values have a column each; the "
                "others share one."
            )
        if any(column.is_missing.any() for column in text):
            said.append("Missing text is a value of its own.")
        return said


_FORM = re.compile(r"([0-9a-f]{32})\.([cr])(\d{1,4})\.(\d{1,4}(?:-\d{1,4})?(?:_\d{1,4}(?:-\d{1,4})?)*|)")
"""A choice as text: digest, first letter of the task, target, inputs."""

_SHELVES: list[Callable[[str], Table | None]] = []


def look_in(shelf: Callable[[str], Table | None]) -> None:
    """Let configs that name a table by its digest alone, from a link or a file, look for it there.

    `look_in({table.digest: table}.get)` in a script; the dashboard gives a shelf that holds what the reader
    of the page has uploaded, and nobody else.
    """
    _SHELVES.append(shelf)


_ALIVE: WeakValueDictionary[str, Table] = WeakValueDictionary()
_RECENT: deque[Table] = deque(maxlen=8)


def remember(table: Table) -> None:
    """Let configs that name this table by its digest find it while something holds it; the last eight are held here.

    For tables of the process's own arrays alone: files that a dashboard reads belong to the reader of one page.
    """
    _ALIVE[table.digest] = table
    _RECENT.append(table)


def _find(digest: str) -> Table:
    table = next((table for shelf in _SHELVES if (table := shelf(digest)) is not None), None)
    table = _ALIVE.get(digest) if table is None else table
    if table is None:
        raise TableNotHere(digest)
    return table


def shortened(name: str, longest: int = 40) -> str:
    """A name in an uploaded table, quoted, on one line and not too long."""
    plain = " ".join(name.split())
    return f"'{plain[: longest - 1] + '…' if len(plain) > longest else plain}'"


def listed(names: Sequence[str], at_most: int = 5) -> str:
    """Names with commas between them, the first few of many.

    >>> listed(["a", "b", "c"], at_most=2)
    "'a', 'b' and 1 more"
    """
    first = ", ".join(shortened(name) for name in names[:at_most])
    return first + (f" and {len(names) - at_most:,} more" if len(names) > at_most else "")


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _counted(columns: list[Column]) -> str:
    counts = [f"{np.count_nonzero(column.is_missing):,} in {shortened(column.name)}" for column in columns[:3]]
    return ", ".join(counts) + (f" and {len(columns) - 3:,} more columns" if len(columns) > 3 else "")


def labels(target: Column) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class indices (n,) and class names in order; -1 where the target is missing."""
    if target.is_number:
        place = np.searchsorted(target.numbers, np.nan_to_num(target.values))
        return np.where(target.is_missing, -1, place), tuple(f"{number:g}" for number in target.numbers)
    order = sorted(range(len(target.levels)), key=lambda code: target.levels[code])
    rank = np.empty(len(order) + 1, np.int64)
    rank[order], rank[-1] = np.arange(len(order)), -1
    return rank[target.values], tuple(target.levels[code] for code in order)


_MISSING_CODE = -1


def _codes_of(column: Column) -> list[int]:
    """The codes of text that get an input of their own: of two values without gaps the second; [0] for numbers."""
    if column.is_number:
        return [0]
    gaps = [_MISSING_CODE] if column.is_missing.any() else []
    if column.distinct == 2 and not gaps:
        return [1]
    return [*range(min(column.distinct, MAX_LEVELS + (column.distinct > MAX_LEVELS))), *gaps]


def _encoded(column: Column, rows: NDArray) -> Floats:
    """Inputs (n_rows, n_columns) of one column: numbers as they are, text as 0 and 1."""
    if column.is_number:
        return column.values[rows][:, None]
    codes = column.values[rows]
    if column.distinct > MAX_LEVELS:
        codes = np.minimum(codes, MAX_LEVELS)
    return (codes[:, None] == np.array(_codes_of(column))).astype(float)


def _input_name(column: Column, code: int) -> str:
    if column.is_number:
        return column.name
    if code == _MISSING_CODE:
        return f"{column.name} missing"
    return (
        f"{column.name} = {'another' if code == MAX_LEVELS and column.distinct > MAX_LEVELS else column.levels[code]}"
    )


def _ranges(places: Sequence[int]) -> str:
    """Column numbers in order as text.

    >>> _ranges([0, 1, 2, 5])
    '0-2_5'
    """
    parts: list[list[int]] = []
    for place in places:
        if parts and place == parts[-1][1] + 1:
            parts[-1][1] = place
        else:
            parts.append([place, place])
    return "_".join(f"{low}-{high}" if high > low else f"{low}" for low, high in parts)


def _range(part: str) -> range:
    low, _, high = part.partition("-")
    return range(int(low), int(high or low) + 1)
