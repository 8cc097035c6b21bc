"""One table, whatever the sweep ran on and whoever was killed on the way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

import nncore
from nncore import RunConfig
from nncore.sweep import Folder, Grid, Processes, table, write
from tests.nncore.sweep.tables import THOUSAND, exhaust, same_bits
from tests.patience import until

ROOT = Path(nncore.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

LONGER = Grid(
    RunConfig(n_samples=40, hidden=(4, 4), steps=100),
    {"depth": (1, 2, 3), "gain": (0.5, 1.0, 1.5), "learning_rate": (0.05, 0.1, 0.2)},
    seeds=range(24),
)
"""648 runs in many blocks, long enough to be killed in the middle."""


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """The table of THOUSAND, computed one block after the other."""
    folder = tmp_path_factory.mktemp("sequential") / "sweep"
    assert exhaust(write(folder, THOUSAND, workers=1)) == len(THOUSAND) >= 1000
    return table(folder)


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """The table of LONGER, computed one block after the other."""
    folder = tmp_path_factory.mktemp("sequential") / "sweep"
    exhaust(write(folder, LONGER, workers=1))
    return table(folder)


@contextmanager
def dask_cluster(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """(address, workers) of a Dask scheduler with two workers, all of them processes of their own."""
    file = folder / "scheduler.json"
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    scheduler = [*local, "--port", "0", "--scheduler-file", str(file)]
    worker = [*local, "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--local-directory", str(folder)]
    started: list[subprocess.Popen[bytes]] = []
    try:
        started.append(_start("distributed.cli.dask_scheduler", scheduler, folder / "scheduler.log"))
        until(lambda: file.exists() and file.read_text(encoding="utf-8").endswith("}"))
        for name in ("first", "second"):
            started.append(_start("distributed.cli.dask_worker", worker, folder / f"{name}.log"))
        logs = [folder / f"{name}.log" for name in ("first", "second")]
        until(lambda: all("Registered to" in log.read_text(encoding="utf-8") for log in logs))
        yield json.loads(file.read_text(encoding="utf-8"))["address"], started[1:]
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def _start(module: str, arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=ENVIRONMENT)


# The same everywhere ----------------------------------------------------------------------------------------


def test_the_sweep_has_every_ending(thousand: pa.Table) -> None:
    endings = thousand["ending"].to_pandas().value_counts()
    assert set(endings.index) == {"finished", "diverged", "failed"}
    assert endings.min() > 100


def test_processes_give_the_same_table(thousand: pa.Table, tmp_path: Path) -> None:
    exhaust(write(tmp_path / "s", THOUSAND, workers=2))
    assert same_bits(table(tmp_path / "s"), thousand)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_any_executor_gives_the_same_table(kind: str, thousand: pa.Table, tmp_path: Path) -> None:
    executor = ThreadPoolExecutor(3) if kind == "threads" else ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    with executor:
        exhaust(write(tmp_path / "s", THOUSAND, executor=executor, workers=3))
    assert same_bits(table(tmp_path / "s"), thousand)


def test_a_dask_cluster_gives_the_same_table_though_a_worker_is_killed(
    thousand: pa.Table, longer: pa.Table, tmp_path: Path
) -> None:
    with dask_cluster(tmp_path) as (address, workers):
        exhaust(write(tmp_path / "s", THOUSAND, scheduler=address))
        assert same_bits(table(tmp_path / "s"), thousand)

        def kill_one(finished: int) -> None:
            if finished > 100:
                workers[0].kill()

        exhaust(write(tmp_path / "t", LONGER, scheduler=address), kill_one)
        assert workers[0].poll() == -signal.SIGKILL and workers[1].poll() is None
        assert same_bits(table(tmp_path / "t"), longer)


def test_a_scheduler_that_dies_and_comes_back_loses_no_run(longer: pa.Table, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
    with dask_cluster(tmp_path / "before") as (address, _):
        killed: list[psutil.Process] = []

        def kill_it(finished: int) -> None:
            if finished > 100 and not killed:  # runs that are on their way are heard of after its death, too
                killed.extend(
                    each for each in psutil.Process().children() if "distributed.cli.dask_scheduler" in each.cmdline()
                )
                (scheduler,) = killed
                scheduler.kill()

        with pytest.raises(ConnectionError, match="its cluster is gone"):
            exhaust(write(folder, LONGER, scheduler=address), kill_it)
    done = len(Folder.open(folder).done())
    assert 100 < done < len(LONGER)
    with dask_cluster(tmp_path / "after") as (address, _):
        assert exhaust(write(folder, LONGER, resume=True, scheduler=address)) == len(LONGER) - done
    assert same_bits(table(folder), longer)


# Somebody is killed -----------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_costs_only_its_block(longer: pa.Table, tmp_path: Path) -> None:
    killed: list[psutil.Process] = []

    def kill_one(finished: int) -> None:
        if finished > 200 and not killed:
            killed.append(next(iter(worker_processes())))
            killed[0].kill()

    with Processes(2) as executor:
        exhaust(write(tmp_path / "s", LONGER, executor=executor, workers=2), kill_one)
    assert killed
    assert same_bits(table(tmp_path / "s"), longer)


def worker_processes(of: int | None = None) -> list[psutil.Process]:
    """The worker processes that a process has started."""
    children = psutil.Process(of).children()
    return [each for each in children if "popen_loky_posix" in " ".join(each.cmdline())]


SCRIPT = """
import sys
import time
from nncore.command import main
from nncore.sweep import folder
folder.FLUSH_SECONDS = 0.0
write, written = folder.Folder.write, []
def write_three(self, result):
    write(self, result)
    written.append(result)
    while len(written) == 3:
        time.sleep(1)
folder.Folder.write = write_three
sys.exit(main(sys.argv[1:]))
"""
"""A sweep that writes three parts and waits to be killed, its workers at work."""


def test_a_sweep_that_is_killed_goes_on_where_it_stopped(longer: pa.Table, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    arguments = ["sweep", str(folder), "--workers", "2", "--seeds", "24", "--n-samples", "40", "--hidden", "4x2"]
    grid = ["--grid", "depth=1,2,3", "--grid", "gain=0.5,1,1.5", "--grid", "learning_rate=0.05,0.1,0.2"]
    command = [sys.executable, "-c", SCRIPT, *arguments, "--steps", "100", *grid]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    until(lambda: len(list(folder.glob("runs/part-*.parquet"))) >= 3)
    orphans = worker_processes(process.pid)
    process.kill()
    process.wait()
    before = {part: part.read_bytes() for part in Folder.open(folder).parts()}
    done = len(Folder.open(folder).done())
    assert 0 < done < len(LONGER)
    until(lambda: not any(each.is_running() and each.status() != "zombie" for each in orphans))

    assert exhaust(write(folder, LONGER, resume=True, workers=1)) == len(LONGER) - done
    assert {part: part.read_bytes() for part in before} == before, "what was done is not done again"
    found = table(folder)
    assert found["run"].to_pylist() == list(range(len(LONGER)))
    assert same_bits(found, longer)


def test_a_second_kill_in_the_resumed_sweep_loses_nothing_either(longer: pa.Table, tmp_path: Path) -> None:
    finished = 0
    while finished < len(LONGER):
        stopped = write(tmp_path / "s", LONGER, resume=True, workers=1)
        for _, result in zip(range(9), stopped, strict=False):
            finished += len(result.rows)
        stopped.close()
    assert finished == len(LONGER)
    assert same_bits(table(tmp_path / "s"), longer)
