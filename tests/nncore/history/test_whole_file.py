"""A file that is written is the old one or the new one, never half of either."""

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nncore
from nncore import RunConfig, run
from nncore.history.whole_file import whole_file, write_whole_text
from nncore.measures import summary
from nncore.sweep.folder import write_whole

HISTORY = run(RunConfig(hidden=(3,), steps=2))
OLD = b"the old file"

KILLED = """
import os, signal, sys
from nncore.history.whole_file import whole_file, write_whole_text
with whole_file(sys.argv[1]) as file:
    file.write(b"half of the new")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("ending", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_error_in_the_middle_leaves_the_old_file_and_no_draft(tmp_path, ending):
    path = tmp_path / "file"
    path.write_bytes(OLD)
    with pytest.raises(type(ending)), whole_file(path) as file:
        file.write(b"half of the new")
        raise ending
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_in_the_middle_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(OLD)
    paths = os.pathsep.join([str(Path(nncore.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run([sys.executable, "-c", KILLED, path], env={**os.environ, "PYTHONPATH": paths}, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_bytes() == OLD


WRITERS = {
    "history, Parquet": HISTORY.to_parquet,
    "history, CSV": HISTORY.to_csv,
    "measurement, CSV": lambda path: summary(HISTORY).to_csv(path),
    "part of a sweep": lambda path: write_whole(path, lambda file: file.write(b"new")),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_every_writer_leaves_the_old_file_where_the_disk_refuses(tmp_path, monkeypatch, write):
    path = tmp_path / "file"
    path.write_bytes(OLD)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(path)
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_every_writer_replaces_the_old_file(tmp_path, write):
    path = tmp_path / "file"
    path.write_bytes(OLD)
    path.chmod(0o640)
    write(path)
    assert path.read_bytes() != OLD
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_a_device_is_written_to(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(path)
    with whole_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    with whole_file("/dev/null") as file:
        file.write(b"new")
    assert Path("/dev/null").is_char_device()


def test_an_open_file_is_written_to_and_stays_open():
    target = io.BytesIO()
    with whole_file(target) as file:
        file.write(b"new")
    assert target.getvalue() == b"new"


def test_what_the_system_refuses_names_the_file(tmp_path):
    with pytest.raises(OSError, match="No space left on device") as refused, whole_file(tmp_path / "a.csv"):
        raise OSError(28, "No space left on device")
    assert refused.value.filename == str(tmp_path / "a.csv")


WRITES_IN_PLACE = re.compile(r"\.write_(text|bytes)\(|(?<!archive\.)\bopen\([^)]*[\"'][wa]b?[\"']")
"""Opened with "x" a file is new and replaces none; a member of an archive is no file."""


def test_nothing_writes_a_file_in_place():
    root = Path(nncore.__file__).parents[1]
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for folder in ("nncore", "dashboard", "benchmarks")
        for path in (root / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if WRITES_IN_PLACE.search(line) and path.name != "whole_file.py"
    ]
    assert not found, found


def test_a_text_is_written_whole(tmp_path):
    write_whole_text(tmp_path / "page.md", "δ\n")
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == "δ\n"
