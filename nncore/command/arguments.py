"""Text -> settings: flags made from RunConfig's own fields, grids such as gain=0.5:3:0.25, and TOML files."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import math
import reprlib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nncore.config.run_config import TABLE, RunConfig
from nncore.config.settings import number, number_within
from nncore.data.read_csv import read_table
from nncore.data.table import Table, TableChoice, listed, look_in, shortened
from nncore.numerics.choices import choose
from nncore.numerics.sentences import in_a_line
from nncore.sweep import MOST_VALUES, NAMED_AXES, Grid, axis_names

FLAGS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""Other words for a flag's two."""

DIGITS = 12
"""Significant digits of a grid's steps: 0.5:3:0.1 means 0.6, not 0.6000000000000001."""


def add_settings(parser: argparse.ArgumentParser) -> None:
    """A flag for every field of RunConfig, with its help, its choices or range, and its default."""
    groups: dict[str, Any] = {}
    for field in RunConfig.fields():
        name = field.metadata["group"]
        if name not in groups:
            groups[name] = parser.add_argument_group(name)
        group = groups[name]
        flag, help = f"--{field.name.replace('_', '-')}", described(field).replace("%", "%%")
        if field.metadata["kind"] == "flag":
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=help)
        else:
            group.add_argument(
                flag, type=_argument(field.name), default=argparse.SUPPRESS, metavar=_metavar(field), help=help
            )


def whole(name: str, low: int, high: int) -> Callable[[str], int]:
    """What reads a flag of a command's own that is a whole number from low to high.

    >>> whole("port", 1, 65535)("70000")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: port must be a whole number from 1 to 65,535; got 70000
    """

    def read_whole(text: str) -> int:
        try:
            return int(number_within(name, number(name, text), low, high, True))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read_whole


def limit(name: str) -> Callable[[str], float]:
    """What reads a limit: a number above 0; inf for none."""

    def read_limit(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{name} must be a number above 0, or inf; got {reprlib.repr(text)}")
        return value

    return read_limit


def add_table(parser: argparse.ArgumentParser) -> None:
    """Flags that say what is what in the file of --table."""
    group = parser.add_argument_group("the columns of --table, where it is a CSV file")
    group.add_argument(
        "--target",
        metavar="COLUMN",
        action="append",
        help="the column to predict; one is suggested where none is given",
    )
    group.add_argument(
        "--inputs",
        metavar="A,B,...",
        help="the columns to predict it from, in quotation marks where a name has a comma",
    )
    group.add_argument("--task", metavar="TASK", help="regression or classification; what the target suggests")
    _add_reading(group)


def add_table_again(parser: argparse.ArgumentParser) -> None:
    """Flags that give the file of a table that a recorded run was trained on."""
    group = parser.add_argument_group("a run that was trained on a table")
    group.add_argument("--table", metavar="FILE", help="the CSV file it was trained on, which no history holds")
    _add_reading(group)


def _add_reading(group: Any) -> None:
    group.add_argument(
        "--missing",
        metavar="CODES",
        help="cells that hold no value, with commas: -999,unknown,age=99, the last in the column age only; "
        "after = where the first begins with a minus, --missing=-999",
    )
    group.add_argument("--no-header", action="store_true", help="the file's first line holds values, not names")


def described(field: dataclasses.Field[Any]) -> str:
    """A field's help, choices or range, and default, as one text."""
    facts = field.metadata
    parts = [facts["help"]]
    if facts["choices"]:
        parts.append(f"One of {', '.join(facts['choices'])}.")
    elif facts["low"] is not None:
        parts.append(f"From {facts['low']:g} to {facts['high']:g}.")
    if facts["kind"] in TYPED_AS:
        parts.append(TYPED_AS[facts["kind"]])
    parts.append(f"Default: {RunConfig.text(field.name, field.default)}.")
    return " ".join(parts)


def read(name: str, text: str) -> Any:
    """The value of a setting or a named axis from its text; raises ValueError on one that it never takes.

    >>> read("hidden", "64,32x2"), read("clip_norm", "none"), read("skip", "yes"), read("depth", "3")
    ((64, 32, 32), None, True, 3)
    """
    choose("setting", name, axis_names())
    if name == TABLE:
        return "" if text.lower() == "none" else text  # a file, or what Table.choose returns: `config_from` tells which
    if name in NAMED_AXES:
        return NAMED_AXES[name].checked(number(name, text))
    kind = next(field.metadata["kind"] for field in RunConfig.fields() if field.name == name)
    if kind == "flag":
        text = FLAGS.get(text.lower(), text)
    return RunConfig.parse(name, text.replace("-", ",") if kind in TYPED_AS else text)


def read_axis(text: str) -> tuple[str, list[Any]]:
    """A grid's axis: name=a,b,c, name=start:stop:step with stop included, name=start:stop:logN or linN.

    Several widths or activations in one value are joined by "-". Raises ValueError on anything else.

    >>> read_axis("gain=0.5:1:0.25"), read_axis("learning_rate=0.01:1:log3")
    (('gain', [0.5, 0.75, 1.0]), ('learning_rate', [0.01, 0.1, 1.0]))
    >>> read_axis("hidden=8x2,16-8")
    ('hidden', [(8, 8), (16, 8)])
    """
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise ValueError(
            f"an axis must be name=values, such as depth=2,4,8 or gain=0.5:3:0.25; got {reprlib.repr(text)}"
        )
    return name, read_values(name, values)


def read_values(name: str, text: str) -> list[Any]:
    """The values of `read_axis` behind the equals sign."""
    if ":" not in text:
        return [read(name, each) for each in text.split(",")]
    parts = text.split(":")
    if len(parts) != 3:
        raise ValueError(
            f"a range must be start:stop:step, start:stop:linN or start:stop:logN; got {reprlib.repr(text)}"
        )
    start, stop = (number(name, each) for each in parts[:2])
    if not all(isinstance(each, (int, float)) for each in (start, stop)):
        raise ValueError(f"a range must begin and end with a number; got {reprlib.repr(text)}")
    kind, count = parts[2][:3], parts[2][3:]
    if kind in ("lin", "log") and count.isdecimal() and 1 <= int(count) <= MOST_VALUES:
        if kind == "log" and not (start > 0 and stop > 0):
            raise ValueError(f"a logarithmic range must lie above 0; got {reprlib.repr(text)}")
        spaced = np.geomspace if kind == "log" else np.linspace
        values = spaced(float(start), float(stop), int(count)).tolist()
    else:
        step = number(name, parts[2])
        if isinstance(step, str) or step == 0 or not 0 <= (stop - start) / step < MOST_VALUES:
            raise ValueError(f"a range must lead from start to stop in steps; got {reprlib.repr(text)}")
        values = [start + place * step for place in range(int((stop - start) / step + 1e-9) + 1)]
    return [read(name, f"{value:.{DIGITS}g}") for value in values]


def read_seeds(text: str) -> list[int]:
    """5 means 0 ... 4; otherwise values as in `read_axis`."""
    return counted(int(text)) if text.isdecimal() else read_values("seed", text)


def counted(seeds: int) -> list[int]:
    """The seeds 0, 1, ... of so many; raises ValueError on more than a grid's axis may have."""
    return list(range(int(number_within("seeds", seeds, 1, MOST_VALUES, True))))


def config_from(arguments: argparse.Namespace, base: Mapping[str, Any] | None = None) -> RunConfig:
    """The config of the flags given, over those of a file, over the defaults.

    A table given as a CSV file is read and chosen from; its rows are all taken unless n_samples is given.
    """
    names = {field.name for field in RunConfig.fields()}
    settings = _from_toml(base or {}) | {name: value for name, value in vars(arguments).items() if name in names}
    idle = [flag for flag in ("target", "inputs", "task", "missing", "no_header") if getattr(arguments, flag, None)]
    if idle and not settings.get("table"):
        raise ValueError(f"--{idle[0].replace('_', '-')} says what is what in a table: give its file with --table")
    if settings.get("table"):
        settings = {"dataset": TABLE, **settings, "table": _chosen(settings["table"], arguments)}
        if isinstance(settings["table"], TableChoice):
            settings = {"n_samples": min(settings["table"].target_column.n_present, MOST_ROWS), **settings}
    return RunConfig.from_dict(settings)


MOST_ROWS = 20_000
"""Rows that a run may have."""


def _chosen(table: Any, arguments: argparse.Namespace) -> Any:
    """The choice from a CSV file; a digest with columns as it is. Raises ValueError, one sentence."""
    if not isinstance(table, str) or _is_choice(table):
        return table
    read_in, inputs = read_file(table, arguments), getattr(arguments, "inputs", None)
    names = None if inputs is None else [name.strip() for name in next(csv.reader([inputs], skipinitialspace=True))]
    targets: Any = getattr(arguments, "target", None) or [None]
    if len(targets) == 1 and targets[0] not in (None, *read_in.names) and "," in targets[0]:
        targets = targets[0].split(",")
    return read_in.choose(targets if len(targets) > 1 else targets[0], names, getattr(arguments, "task", None))


def read_file(path: str, arguments: argparse.Namespace) -> Table:
    """The table in a CSV file, as the flags say to read it, where configs that name it find it."""
    missing, header = getattr(arguments, "missing", None), False if getattr(arguments, "no_header", False) else None
    try:
        table = read_table(path, header, [] if missing is None else missing.split(","))
    except OSError as error:
        raise ValueError(f"table {path} cannot be read: {error.strerror}") from None
    look_in({table.digest: table}.get)
    return table


def table_notes(config: RunConfig) -> list[str]:
    """What a run on a table learns from what, from how many of its rows, and how the file was read; none for other runs."""
    if config.dataset != TABLE:
        return []
    choice = config.choice
    target, inputs = choice.target_column, choice.input_columns
    rows = target.n_present
    taken = f"all {rows:,}" if config.n_samples >= rows else f"{config.n_samples:,} of {rows:,}"
    told = f"{shortened(target.name)} ({choice.task}) from {listed([column.name for column in inputs], 10)}"
    return [f"learns {told}, on {taken} rows with a target.", *choice.notes()]


def _is_choice(text: str) -> bool:
    try:
        TableChoice.parse(text)
    except ValueError:
        return False
    return True


def read_toml(path: str) -> dict[str, Any]:
    """A TOML file with the tables [base], [grid] and the key seeds; raises ValueError where it is not one."""
    try:
        facts = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {in_a_line(str(error))}") from None
    for name in facts:
        choose(f"entry of {path}", name, ("base", "grid", "seeds"))
    for name in ("base", "grid"):
        if not isinstance(facts.get(name, {}), dict):
            raise ValueError(f"{name} in {path} must be a table, [{name}]; got {reprlib.repr(facts[name])}")
    return facts


def grid_from(arguments: argparse.Namespace, facts: Mapping[str, Any], axes: Iterable[str], seeds: str | None) -> Grid:
    """The grid of a TOML file's facts and of the axes given as flags, which take the place of the file's."""
    given: dict[str, Any] = {}
    for name, values in facts.get("grid", {}).items():
        given[name] = read_values(name, values) if isinstance(values, str) else _from_toml({name: values})[name]
    for text in axes:
        name, read_as = read_axis(text)
        given[name] = read_as
    if seeds is not None:
        found: Any = read_seeds(seeds)
    else:
        found = facts.get("seeds")
        found = counted(found) if isinstance(found, int) else found
    return Grid(config_from(arguments, facts.get("base")), given, found)


def _from_toml(facts: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no None and no tuples: "none" stands for the one, arrays for the other."""
    optional = {field.name for field in RunConfig.fields() if field.default is None}

    def plain(name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [plain(name, each) for each in value]
        return None if name in optional and value == "none" else value

    return {name: plain(name, value) for name, value in facts.items()}


def _argument(name: str) -> Any:
    def parse(text: str) -> Any:
        try:
            return read(name, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def _metavar(field: dataclasses.Field[Any]) -> str:
    numbers = {"widths": "WIDTHS", "number": "N" if field.metadata["whole"] else "X"}
    return numbers.get(field.metadata["kind"], "NAME")


TYPED_AS = {
    "widths": "As 64,32,32 or 64,32x2; none for no hidden layer.",
    "name or names": "Several, with commas, one for each layer.",
    "names": "Several, with commas.",
}
"""What the help adds on how the values of lists are typed, by kind."""
