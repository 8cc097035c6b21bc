"""`nncore export`, and histories by the ending of their file's name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nncore.command.arguments import add_table_again, read_file
from nncore.command.recorded import recorded_in, recorded_writers
from nncore.history.csv import csv_size, write_csv
from nncore.history.excerpt import Excerpt, numbers_in
from nncore.history.history import History
from nncore.history.parquet import write_parquet
from nncore.history.whole_file import whole_file

ENDINGS = (".parquet", ".csv", ".csv.gz", ".zip")
"""Of a history's file; the last two are compressed CSV."""

OF_AN_EXCERPT = ("every", "steps", "layers", "columns")
"""Flags that leave something out."""


def read_history(path: Path) -> History:
    """The history in a file; raises ValueError where there is none."""
    _check_ending(path)
    try:
        return History.from_parquet(path) if path.suffix == ".parquet" else History.from_csv(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None


def check_target(path: Path) -> None:
    """Raise ValueError where a history could not be written, before the run that it is of."""
    _check_ending(path)
    if not path.parent.is_dir():
        raise ValueError(f"{path} cannot be written: there is no folder {path.parent}")


def write_history(history: History, path: Path) -> None:
    """Write a history as its file's name says."""
    write_file(path, history.to_parquet if path.suffix == ".parquet" else history.to_csv)


def write_file(path: Path, write: Callable[[Any], None]) -> None:
    """Write to a path; raises ValueError where the system refuses."""
    try:
        write(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror or error}") from None


def add_export(parser: argparse.ArgumentParser) -> None:
    """The flags of `nncore export`."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a history, .parquet, .csv, .csv.gz or .zip, a recorded run, .arrows, a log of TensorBoard, or the folder of a sweep",
    )
    parser.add_argument(
        "--csv",
        nargs="?",
        const="",
        metavar="OUT",
        help="write CSV: a history's tidy table, a sweep's rows; OUT.csv.gz and OUT.zip are compressed; - for standard "
        "output, FILE.csv by default",
    )
    parser.add_argument("--parquet", nargs="?", const="", metavar="OUT", help="write Parquet")
    parser.add_argument(
        "--summary",
        nargs="?",
        const="",
        metavar="OUT",
        help="write every measurement by step and layer of a history as CSV",
    )
    parser.add_argument(
        "--measurements",
        nargs="?",
        const="",
        metavar="OUT",
        help="write what a history's layers did, without θ, as the Parquet file that recorded models have",
    )
    group = parser.add_argument_group("how much of a history")
    group.add_argument(
        "--every",
        type=int,
        metavar="K",
        help="every k-th recorded step, the first and the last among them: a history that opens again, as CSV or Parquet",
    )
    group.add_argument("--steps", metavar="STEPS", help="these recorded steps, such as 0,10,20-30; for CSV")
    group.add_argument("--layers", metavar="LAYERS", help="these layers, such as 1,3-5, the last the output; for CSV")
    group.add_argument("--columns", metavar="COLUMNS", help="theta, gradient or theta,gradient (both); for CSV")
    add_table_again(parser)


def export_command(arguments: argparse.Namespace) -> int:
    """Write a file as others."""
    source = Path(arguments.file)
    wanted = {
        kind: getattr(arguments, kind)
        for kind in ("csv", "parquet", "summary", "measurements")
        if getattr(arguments, kind) is not None
    }
    if not wanted:
        raise ValueError("say what to write: --csv, --parquet, --summary or --measurements")
    idle = [name for name in OF_AN_EXCERPT if getattr(arguments, name) is not None]
    if idle and (source.is_dir() or not {"csv", "parquet"} & set(wanted)):
        raise ValueError(f"--{idle[0]} is for a history's --csv or --parquet")
    if arguments.table:
        read_file(arguments.table, arguments)
    recorded = recorded_in(source)
    if recorded is not None:
        if idle:
            raise ValueError(f"--{idle[0]} is for a history; {source} is a recorded run")
        writers, what = recorded_writers(recorded), "recorded run"
    elif source.is_dir():
        writers, what = _sweep_writers(source), "sweep"
    else:
        writers, what = _history_writers(source, arguments), "history"
    for kind, out in wanted.items():
        if kind not in writers:
            raise ValueError(f"--{kind} is for a history; {source} is a {what}")
        if out == "-":
            if kind in ("parquet", "measurements"):
                raise ValueError("Parquet needs a file; got -")
            if sys.stdout is None:
                raise ValueError("standard output is closed: name a file")
            writers[kind](sys.stdout.buffer)
            continue
        ending = {
            "csv": ".csv",
            "parquet": ".parquet",
            "summary": ".summary.csv",
            "measurements": ".measurements.parquet",
        }[kind]
        target = Path(out) if out else source.with_name(_stem(source) + ending)
        if target.exists() and target.samefile(source):
            raise ValueError(f"{target} is the file that is read: name another one")
        write_file(target, writers[kind])
        print(f"Written: {target}")
    return 0


def _history_writers(source: Path, arguments: argparse.Namespace) -> dict[str, Callable[[Any], None]]:
    from nncore.measures import summary
    from nncore.recorders import of_history

    history = read_history(source)
    excerpt = _excerpt(history, arguments)

    def csv(target: Any) -> None:
        if isinstance(target, Path):
            size = csv_size(history, excerpt, target.name)
            print(
                f"{target}: {excerpt.rows(history):,} rows, about {size / 2**20:,.1f} MB: {excerpt.in_words(history)}.",
                flush=True,
            )
        write_csv(history, target, excerpt)

    return {
        "csv": csv,
        "parquet": lambda target: write_parquet(history, target, excerpt),
        "summary": lambda target: summary(history).to_csv(target),
        "measurements": lambda target: of_history(history).to_parquet(target),
    }


def _excerpt(history: History, arguments: argparse.Namespace) -> Excerpt:
    """What the flags leave of a history; raises ValueError where there is no such part."""
    there = {"steps": history.step.tolist(), "layers": range(1, history.layout.n_layers + 1)}
    chosen: dict[str, Any] = {
        name: numbers_in(name, getattr(arguments, name), numbers)
        for name, numbers in there.items()
        if getattr(arguments, name) is not None
    }
    if arguments.columns is not None:
        chosen["columns"] = [name.strip() for name in arguments.columns.split(",")]
    return Excerpt(every=1 if arguments.every is None else arguments.every, **chosen)


def _stem(path: Path) -> str:
    """A file's name without its ending, .csv.gz as a whole."""
    return next((path.name.removesuffix(each) for each in ENDINGS[::-1] if path.name.endswith(each)), path.stem)


def _sweep_writers(source: Path) -> dict[str, Callable[[Any], None]]:
    import pyarrow.parquet as pq

    from nncore.sweep import table, write_csv

    def write_parquet(target: Path) -> None:
        with whole_file(target) as file:
            pq.write_table(table(source), file, compression="zstd")

    return {"csv": lambda target: write_csv(table(source), target), "parquet": write_parquet}


def _check_ending(path: Path) -> None:
    if not path.name.endswith(ENDINGS):
        raise ValueError(f"a history's file must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}; got {path}")
