"""Ctrl-C or a polite kill while Python is still importing the command line: no traceback, and the code that is documented."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nncore
from nncore.display.interrupted_import import is_command_line
from tests.patience import PATIENCE

ROOT = Path(nncore.__file__).parents[1]
STARTS = {"nncore": [str(Path(sys.executable).with_name("nncore"))], "-m nncore": [sys.executable, "-m", "nncore"]}

HELD = """
import os, sys

class Holds:
    def find_spec(self, name, *ignored):
        if name == os.environ["HELD"]:
            sys.meta_path.remove(self)
            print("held", flush=True)
            sys.stdin.readline()

sys.meta_path.insert(0, Holds())
"""
"""A sitecustomize.py: the import of one module waits for a line on standard input."""


def held(command: list[str], module: str, folder: Path, is_ignored: bool = False) -> subprocess.Popen[str]:
    """The command, whose import of a module waits; with Ctrl-C ignored where it is started so."""
    (folder / "sitecustomize.py").write_text(HELD, encoding="utf-8")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if is_ignored else signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))), "HELD": module},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("module", ["numpy", "nncore.training", "nncore.command.sweep"])
@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_ctrl_c_during_an_import_ends_with_its_code_and_says_nothing(
    start: list[str], module: str, tmp_path: Path
) -> None:
    process = held([*start, "run"], module, tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 130


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_a_polite_kill_during_an_import_says_nothing(start: list[str], tmp_path: Path) -> None:
    process = held([*start, "run"], "nncore.command.sweep", tmp_path)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_whoever_has_ctrl_c_ignored_is_not_disturbed_by_it(start: list[str], tmp_path: Path) -> None:
    process = held([*start, "--version"], "numpy", tmp_path, is_ignored=True)
    process.send_signal(signal.SIGINT)
    assert process.communicate("\n", timeout=PATIENCE) == (f"nncore {nncore.__version__}\n", "")
    assert process.returncode == 0


def test_a_program_of_ones_own_that_imports_nncore_keeps_its_keyboard_interrupt() -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # also where it is ignored here
        "import nncore; assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode == 0


@pytest.mark.parametrize(
    ("argv", "orig_argv", "is_one"),
    [
        (["/usr/bin/nncore", "run"], ["python", "/usr/bin/nncore", "run"], True),
        (["C:/venv/Scripts/nncore.exe"], ["python", "C:/venv/Scripts/nncore.exe"], True),
        (["-m", "sweep"], ["python", "-Im", "nncore", "sweep"], True),
        (["-m"], ["python", "-m", "nncore.sweep"], False),
        (["-m", "-m", "nncore"], ["python", "-m", "theirs", "-m", "nncore"], False),
        (["nncore.py"], ["python", "nncore.py"], False),
        (["-c"], ["python", "-c", "import nncore"], False),
        ([], [], False),
    ],
)
def test_the_command_line_is_recognised_by_how_it_was_started(
    argv: list[str], orig_argv: list[str], is_one: bool
) -> None:
    assert is_command_line(argv, orig_argv) is is_one
