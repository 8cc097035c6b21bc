"""`nncore export`, and histories by the ending of their file's name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nncore.command.arguments import add_table_again, read_file
from nncore.command.recorded import recorded_in, recorded_writers
from nncore.history.history import History
from nncore.history.whole_file import whole_file

ENDINGS = (".parquet", ".csv")


def read_history(path: Path) -> History:
    """The history in a file; raises ValueError where there is none."""
    _check_ending(path)
    try:
        return History.from_csv(path) if path.suffix == ".csv" else History.from_parquet(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None


def check_target(path: Path) -> None:
    """Raise ValueError where a history could not be written, before the run that it is of."""
    _check_ending(path)
    if not path.parent.is_dir():
        raise ValueError(f"{path} cannot be written: there is no folder {path.parent}")


def write_history(history: History, path: Path) -> None:
    """Write a history as its file's name says."""
    write_file(path, history.to_csv if path.suffix == ".csv" else history.to_parquet)


def write_file(path: Path, write: Callable[[Any], None]) -> None:
    """Write to a path; raises ValueError where the system refuses."""
    try:
        write(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror or error}") from None


def add_export(parser: argparse.ArgumentParser) -> None:
    """The flags of `nncore export`."""
    parser.add_argument(
        "file", metavar="FILE", help="a history, .parquet or .csv, a recorded run, .arrows, or the folder of a sweep"
    )
    parser.add_argument(
        "--csv",
        nargs="?",
        const="",
        metavar="OUT",
        help="write CSV: a history's tidy table, a sweep's rows; - for standard output, FILE.csv by default",
    )
    parser.add_argument("--parquet", nargs="?", const="", metavar="OUT", help="write Parquet")
    parser.add_argument(
        "--summary",
        nargs="?",
        const="",
        metavar="OUT",
        help="write every measurement by step and layer of a history as CSV",
    )
    add_table_again(parser)


def export_command(arguments: argparse.Namespace) -> int:
    """Write a file as others."""
    source = Path(arguments.file)
    wanted = {
        kind: getattr(arguments, kind) for kind in ("csv", "parquet", "summary") if getattr(arguments, kind) is not None
    }
    if not wanted:
        raise ValueError("say what to write: --csv, --parquet or --summary")
    if arguments.table:
        read_file(arguments.table, arguments)
    recorded = None if source.is_dir() else recorded_in(source)
    if recorded is not None:
        writers, what = recorded_writers(recorded), "recorded run"
    else:
        writers, what = (_sweep_writers(source), "sweep") if source.is_dir() else (_history_writers(source), "history")
    for kind, out in wanted.items():
        if kind not in writers:
            raise ValueError(f"--{kind} is for a history; {source} is a {what}")
        if out == "-":
            if kind == "parquet":
                raise ValueError("Parquet needs a file; got -")
            if sys.stdout is None:
                raise ValueError("standard output is closed: name a file")
            writers[kind](sys.stdout.buffer)
            continue
        ending = {"csv": ".csv", "parquet": ".parquet", "summary": ".summary.csv"}[kind]
        target = Path(out) if out else source.with_name(source.name.removesuffix(source.suffix) + ending)
        if target.exists() and target.samefile(source):
            raise ValueError(f"{target} is the file that is read: name another one")
        write_file(target, writers[kind])
        print(f"Written: {target}")
    return 0


def _history_writers(source: Path) -> dict[str, Callable[[Any], None]]:
    from nncore.measures import summary

    history = read_history(source)
    return {
        "csv": history.to_csv,
        "parquet": history.to_parquet,
        "summary": lambda target: summary(history).to_csv(target),
    }


def _sweep_writers(source: Path) -> dict[str, Callable[[Any], None]]:
    import pyarrow.parquet as pq

    from nncore.sweep import table, write_csv

    def write_parquet(target: Path) -> None:
        with whole_file(target) as file:
            pq.write_table(table(source), file, compression="zstd")

    return {"csv": lambda target: write_csv(table(source), target), "parquet": write_parquet}


def _check_ending(path: Path) -> None:
    if path.suffix not in ENDINGS:
        raise ValueError(f"a history's file must end in {' or '.join(ENDINGS)}; got {path}")
