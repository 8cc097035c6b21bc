"""A sweep's folder: part files written whole or not at all, so that a killed sweep goes on where it stopped."""

from __future__ import annotations

import json
import os
import reprlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from filelock import FileLock, Timeout

from nncore.config.own import NotRegistered, own_ones_missed
from nncore.config.run_config import RunConfig
from nncore.data.table import TableNotHere
from nncore.history.whole_file import whole_file
from nncore.numerics.sentences import in_a_line
from nncore.sweep.blocks import DEFAULT_LIMITS, Limits, Result
from nncore.sweep.grid import Runs, as_runs, runs_from_dict
from nncore.sweep.report import DEFAULT_REPORT, Report
from nncore.sweep.schedule import results
from nncore.sweep.table import layers_table, rows_table

FORMAT = 1
DESCRIPTION = "sweep.json"
"""Says what the sweep runs over and what it notes."""

FLUSH_SECONDS = 1.0
FLUSH_SHARE = 0.01
"""A part is written after a second, and later after one per cent of the time so far: a kill costs no more,
and a long sweep does not end as a hundred thousand small files."""

FLUSH_BYTES = 64 * 2**20
"""Histories and rows waiting in memory, at most."""

Path_ = str | os.PathLike[str]


class Folder:
    """A folder with `sweep.json`, `runs/part-*.parquet`, and where asked for `layers/` and `histories/`.

    `runs`, `report` and `limits` are what the sweep was started with. A part of `runs/` counts once it is
    there: it appears under its name when it is complete, after the layers and histories of its runs.
    """

    def __init__(self, path: Path_, runs: Runs, report: Report, limits: Limits) -> None:
        self.path, self.runs, self.report, self.limits = Path(path), runs, report, limits

    @classmethod
    def create(cls, path: Path_, runs: Runs, report: Report, limits: Limits) -> Folder:
        """A new folder; raises ValueError where there is a sweep already, or something else."""
        folder = cls(path, runs, report, limits)
        if (folder.path / DESCRIPTION).exists():
            raise ValueError(f"{path} holds a sweep already: resume it, or choose another folder")
        if folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
            raise ValueError(f"{path} must be a new or an empty folder")
        folder.path.mkdir(parents=True, exist_ok=True)
        parts = folder.path / "runs"
        parts.mkdir()
        try:
            write_whole(folder.path / DESCRIPTION, partial(_put, json.dumps(folder.to_dict()).encode()))
        except BaseException:
            parts.rmdir()  # so that it can be begun here once there is room
            raise
        return folder

    @classmethod
    def open(cls, path: Path_) -> Folder:
        """The folder of a sweep that was started before; raises ValueError where there is none."""
        try:
            facts = json.loads((Path(path) / DESCRIPTION).read_text(encoding="utf-8"))
            if facts["format"] != FORMAT:
                raise ValueError(f"format {reprlib.repr(facts['format'])} is not {FORMAT}")
            report, limits = Report.from_dict(facts["report"]), Limits.from_dict(facts["limits"])
            with own_ones_missed():
                return cls(path, runs_from_dict(facts["runs"]), report, limits)
        except (TableNotHere, NotRegistered):
            raise
        except FileNotFoundError:
            raise ValueError(f"{path} is not the folder of a sweep: it has no {DESCRIPTION}") from None
        except (LookupError, TypeError, AttributeError, ValueError, OSError, RecursionError) as error:
            raise ValueError(f"{path} is not the folder of a sweep: {_reason(error)}") from None

    def to_dict(self) -> dict[str, Any]:
        """What `sweep.json` holds."""
        return {
            "format": FORMAT,
            "runs": self.runs.to_dict(),
            "report": self.report.to_dict(),
            "limits": self.limits.to_dict(),
        }

    def parts(self) -> list[Path]:
        """The part files with rows."""
        return sorted((self.path / "runs").glob("part-*.parquet"))

    def done(self) -> np.ndarray:
        """Numbers of the runs that have a row, ascending; raises ValueError where a part is damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            found = [pq.read_table(part, columns=["run"])["run"].to_numpy() for part in self.parts()]
        except (pa.ArrowException, OSError, KeyError) as error:
            raise ValueError(
                f"a part of the sweep in {self.path} does not read as Parquet: remove it and resume"
            ) from error
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def history(self, run: int) -> Path:
        """Where the history of a run is, if the sweep keeps them."""
        return self.path / "histories" / f"run-{run:08d}.parquet"

    def sweep_up(self) -> None:
        """Remove what an earlier end left behind: files half written, and layers whose rows never came."""
        for leftover in self.path.rglob("*.tmp"):
            leftover.unlink()
        names = {part.name for part in self.parts()}
        for part in (self.path / "layers").glob("part-*.parquet"):
            if part.name not in names:
                part.unlink()

    def write(self, result: Result) -> None:
        """One part: histories and layers first, then the rows, which make it count."""
        import pyarrow.parquet as pq

        if not result.rows:
            return
        name = f"part-{min(result.rows):08d}.parquet"
        for run, content in result.histories.items():
            write_whole(self.history(run), partial(_put, content))
        if result.layers:
            layers = layers_table(result.layers, self.report)
            write_whole(self.path / "layers" / name, lambda file: pq.write_table(layers, file, compression="zstd"))
        rows = rows_table(result.rows, self.runs, self.report)
        write_whole(self.path / "runs" / name, lambda file: pq.write_table(rows, file, compression="zstd"))


def write(
    path: Path_,
    runs: Runs | Sequence[RunConfig] | None = None,
    report: Report | None = None,
    *,
    resume: bool = False,
    limits: Limits | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    progress: bool | Callable[[int, int], None] = False,
) -> Iterator[Result]:
    """`results`, kept in a folder while they are yielded: nothing happens until they are asked for.

    With `resume` a folder that is there goes on with the runs that it has no row for, and yields these alone;
    `runs`, `report` and `limits`, if given, must then be those that it was started with. The table is the same
    however often it was stopped, and on whatever it ran. Stopping the iteration keeps what is done. Raises
    ValueError where the folder holds something else, or another process is writing into it.

    >>> import tempfile
    >>> from nncore.sweep import Grid, table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     grid = Grid(RunConfig(hidden=(3,), steps=2), {"gain": (0.5, 1.0)}, seeds=range(2))
    ...     for result in write(folder, grid):
    ...         pass
    ...     table(folder).select(["run", "gain", "seed", "ending"]).to_pylist()[2]
    {'run': 2, 'gain': 1.0, 'seed': 0, 'ending': 'finished'}
    """
    folder = _begun(path, runs, report, limits, resume)
    with _locked(folder.path):
        folder.sweep_up()
        waiting, started = Result(), time.monotonic()
        flushed = started
        try:
            for result in results(
                folder.runs,
                folder.report,
                executor=executor,
                workers=workers,
                scheduler=scheduler,
                limits=folder.limits,
                done=frozenset(folder.done().tolist()),
                cancelled=cancelled,
                progress=progress,
            ):
                waiting.update(result)
                now = time.monotonic()
                size = sum(len(each) for each in waiting.histories.values())
                due = now - flushed > max(FLUSH_SECONDS, FLUSH_SHARE * (now - started))
                if due or size > FLUSH_BYTES:
                    folder.write(waiting)
                    waiting, flushed = Result(), time.monotonic()
                yield result
        finally:
            folder.write(waiting)


def _begun(
    path: Path_, runs: Runs | Sequence[RunConfig] | None, report: Report | None, limits: Limits | None, resume: bool
) -> Folder:
    given = None if runs is None else as_runs(runs)
    if not resume or (given is not None and not (Path(path) / DESCRIPTION).exists()):
        if given is None:
            raise ValueError("runs are needed to begin a sweep")
        return Folder.create(path, given, report or DEFAULT_REPORT, limits or DEFAULT_LIMITS)
    folder = Folder.open(path)
    asked = {
        "runs": None if given is None else given.to_dict(),
        "report": None if report is None else report.to_dict(),
        "limits": None if limits is None else limits.to_dict(),
    }
    for name, value in asked.items():
        if value is not None and value != folder.to_dict()[name]:
            raise ValueError(f"{path} was begun with other {name}: resume it without, or choose another folder")
    return folder


def _put(content: bytes, file: IO[bytes]) -> None:
    file.write(content)


def write_whole(path: Path, write_to: Callable[[IO[bytes]], Any]) -> None:
    """Write a file that is there complete or not at all, whenever the process ends."""
    path.parent.mkdir(exist_ok=True)
    with whole_file(path) as file:
        write_to(file)


def _reason(error: Exception) -> str:
    """Why a sweep's description cannot be taken, in plain words."""
    if isinstance(error, (OSError, json.JSONDecodeError, UnicodeDecodeError)):
        return f"its {DESCRIPTION} does not read as JSON"
    return (
        in_a_line(str(error))
        if isinstance(error, ValueError)
        else f"its {DESCRIPTION} is not complete, or of another kind"
    )


def _locked(path: Path) -> AbstractContextManager[object]:
    """One process at a time writes into a folder; the lock ends with the process, however that ends."""
    try:
        return FileLock(path / ".lock", thread_local=False).acquire(blocking=False)
    except Timeout:
        raise ValueError(f"another process is writing into {path}: wait for it, or end it") from None
