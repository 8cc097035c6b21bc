"""No traceback for any command line: thousands of them, seeded, and what the system may refuse."""

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import nncore
from nncore import RunConfig, run, sweep
from nncore.command import COMMANDS, dashboard, main, parser
from nncore.command.speech import LONGEST
from nncore.display.progress import Interrupt
from nncore.sweep import schedule
from nncore.sweep.workers import Here
from tests.patience import PATIENCE, until

ROOT = Path(nncore.__file__).parents[1]
CONFIG = RunConfig(n_samples=40, hidden=(4, 4), steps=5)
SMALL = ("--n-samples", "40", "--hidden", "4x2", "--steps", "5")
CODES = {0, 1, 2, 130}

LINES = 2_000

VALUES = (
    *("0", "1", "-1", "2", "0.5", "1e-300", "1e400", "-inf", "inf", "nan", "", " ", "-", "--", "none", "true", "no"),
    *("99999999999999999999", "-99999999999999999999", "9" * 5000, "1" * 400 + "e5", "0x10", "1_000", "٣", "½"),
    *("x" * 7000, "a,b", ",", ";", "4x2", "4x99999999999999", "x", "δ\udcff", "two\nlines", "%s%n", "{}", "[1]"),
    *("gain=0:1:0.5", "gain=0:1:0", "gain=nan:1:1", "gain=0:inf:1", "gain=0:1:log3", "gain=1:1:lin99999999", "gain="),
    *("depth=1,2", "hidden=3-3,4", "seed=0:1:1", "table=x", "activation=relu,relu", "=1", "gian=1", "x=y=z"),
    *(
        "run.parquet",
        "run.csv",
        "sweep",
        "begun",
        "garbage.parquet",
        "garbage.csv",
        "empty.csv",
        "a folder",
        "base.toml",
    ),
    *("grid.toml", "bad.toml", "rows.csv", "no/such.csv", "/proc/none", "/dev/null", "/dev/full", ".", "..", "n" * 300),
    *("tcp://", "foo", "tcp://127.0.0.1:1", "tcp://127.0.0.1:99999", "inproc://1/2/3", "http://[::1", "localhost"),
    *("moons", "iris", "table", "relu", "adam", "delta_norm", "price", "size,place", "regression", "-999,unknown"),
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a file of every kind, in which no command takes long or leaves this process."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a folder").mkdir()
    history = run(CONFIG)
    history.to_parquet("run.parquet")
    history.to_csv("run.csv")
    for _ in sweep.write("sweep", [CONFIG]):
        pass
    sweep.write("begun", [CONFIG, CONFIG.replace(seed=1)])
    texts = {
        "garbage.parquet": "PAR1" + "x" * 100,
        "garbage.csv": '"' * 9999,
        "empty.csv": "",
        "base.toml": "[base]\nhidden = [3]\nsteps = 2\n",
        "grid.toml": 'seeds = 2\n[base]\nsteps = 2\n[grid]\ndepth = [1, 2]\ngain = "0.5:1:0.5"\n',
        "bad.toml": f"seeds = 99999999999\n{'x' * 3000} = 1\n",
        "rows.csv": "size,place,price\n" + "".join(f"{i},{'ab'[i % 2]},{i * i}\n" for i in range(30)),
    }
    for name, text in texts.items():
        Path(name).write_text(text, encoding="utf-8")
    asked = count()
    monkeypatch.setattr(Interrupt, "asked", lambda self: self.happened or next(asked) % 40 == 39)
    monkeypatch.setattr(schedule, "Processes", lambda workers: Here())
    monkeypatch.setattr(dashboard, "_call", lambda command, folder, environment: 0)
    monkeypatch.setattr("distributed.Client", _no_client)
    yield tmp_path


def _no_client(address: str, **options: Any) -> None:
    raise OSError(f"nobody is at {address}")


def flags() -> dict[str, list[argparse.Action]]:
    """The flags of every command, from its own parser."""
    (commands,) = (each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    return {
        name: [each for each in command._actions if each.option_strings] for name, command in commands.choices.items()
    }


FLAGS = flags()


def command_line(rng: random.Random) -> list[str]:
    """One that anybody, or nobody, would type: mostly short runs, with any of the flags and any value."""
    command = rng.choice([*COMMANDS] * 9 + ["", "runn", "--version", "--help"])
    line = [command] if command else []
    if command in ("run", "sweep"):
        line += [*SMALL, "--max-mb", "8", "--max-seconds", "0.05"]
    if command == "sweep":
        line += [rng.choice(["sweep", "begun", "new", *VALUES])]
        line += rng.choice([[], ["--seeds", "2"], ["--grid", "gain=1,2"], ["--resume"], ["--toml", "grid.toml"]])
    if command in ("diagnose", "export"):
        line += [rng.choice(["run.parquet", "run.csv", "sweep", *VALUES])]
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        known = FLAGS.get(command, FLAGS["run"])
        action = rng.choice(known)
        line.append(rng.choice(action.option_strings))
        if rng.random() < (0.95 if action.nargs != 0 else 0.05):
            line.append(rng.choice(action.choices) if action.choices and rng.random() < 0.5 else rng.choice(VALUES))
    if rng.random() < 0.05:
        rng.shuffle(line)
    return line


@pytest.mark.parametrize("part", range(5))
def test_any_command_line_ends_in_a_documented_code_and_a_sentence(
    files: Path, part: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, ended = random.Random(part), Counter[int]()
    for _ in range(LINES // 5):
        line = command_line(rng)
        try:
            code = main(line)
        except SystemExit as end:
            code = end.code
        except BaseException as error:
            raise AssertionError(f"{error!r} from {line}") from error
        said = capsys.readouterr()
        assert code in CODES, (line, code)
        if code == 2:
            sentence = said.err.strip().splitlines()[-1]
            assert sentence.startswith("nncore") and len(sentence) < LONGEST + 100, (line, sentence)
        assert "Traceback" not in said.out + said.err, line
        ended[code] += 1
    print(f"{sum(ended.values()):,} command lines, by code: {dict(ended)}")
    assert ended[0] > 30 and ended[2] > 100


# What the system may refuse ---------------------------------------------------------------------------------


def ended(*arguments: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """`python -m nncore` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "nncore", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def refused(answer: subprocess.CompletedProcess[str], *words: str) -> None:
    """Assert that this was refused in one sentence with these words."""
    assert answer.returncode == 2, answer.stderr
    assert answer.stderr.count("\n") == 1 and answer.stderr.startswith("nncore"), answer.stderr
    assert all(word in answer.stderr for word in words), answer.stderr


@pytest.mark.parametrize(
    "arguments",
    [["run", *SMALL], ["run", *SMALL, "--json"], ["--help"], ["run", "--help"], ["--version"]],
    ids=lambda each: " ".join(each[:1] + each[-1:]),
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_standard_output_is_said(
    arguments: list[str], unbuffered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with open("/dev/full", "w", encoding="utf-8") as full:
        refused(ended(*arguments, cwd=tmp_path, stdout=full), "No space left on device")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_or_full_stream_changes_no_exit_code(stream: str, tmp_path: Path) -> None:
    number = {"stdout": 1, "stderr": 2}[stream]
    closed = ended("run", *SMALL, "--json", cwd=tmp_path, preexec_fn=lambda: os.close(number))
    assert closed.returncode == 0, closed.stderr
    with open("/dev/full", "w", encoding="utf-8") as full:
        assert ended("run", "--nesterov", cwd=tmp_path, **{stream: full}).returncode == 2


def test_a_terminal_without_greek_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    answer = ended("run", *SMALL, cwd=tmp_path)
    assert answer.returncode == 0 and "layer 1 over layer 3" in answer.stdout


@pytest.mark.parametrize("largest", [0, 1000, 20_000])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_sweep_without_room_says_so_and_goes_on_once_there_is(largest: int, workers: str, tmp_path: Path) -> None:
    arguments = ["sweep", "s", "--grid", "gain=0.1:2:0.01", *SMALL, "--workers", workers]

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    refused(ended(*arguments, cwd=tmp_path, preexec_fn=little_room), "File too large")
    answer = ended(*arguments, *(["--resume"] if largest > 1000 else []), cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "191 of 191 runs in s: 191 finished." in answer.stdout


@pytest.mark.parametrize("place", ["/proc/sweep", "/proc/1/sweep", "/dev/full/sweep", "n" * 300])
def test_a_sweep_where_no_folder_can_be_is_refused(place: str, tmp_path: Path) -> None:
    refused(ended("sweep", place, "--seeds", "2", *SMALL, cwd=tmp_path))


def test_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def read_only(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(Path, "mkdir", read_only)
    assert main(["sweep", str(tmp_path / "s"), "--seeds", "2", *SMALL]) == 2
    assert capsys.readouterr().err == f"nncore sweep: {tmp_path}: Permission denied\n"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_run_onto_a_full_disk_says_so(ending: str, tmp_path: Path) -> None:
    target = tmp_path / f"run.{ending}"
    target.symlink_to("/dev/full")
    refused(ended("run", "--steps", "50", "--out", target.name, cwd=tmp_path), "No space left on device", target.name)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sweep", "s", "--seeds", "999999999"], "seeds must be a whole number from 1 to 1,000,000; got 999999999"),
        (["sweep", "s", "--toml", "many.toml"], "seeds must be a whole number from 1 to 1,000,000"),
        (["sweep", "s", "--seeds", "2", "--scheduler", "foo"], "a scheduler's address must be such as tcp://"),
        (["dashboard", "--address", "no.such.host.invalid"], "cannot listen at 'no.such.host.invalid', port 8501"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_would_take_for_ever_or_break_is_refused_at_once(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "many.toml").write_text("seeds = 999999999\n", encoding="utf-8")
    assert main(arguments) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["diagnose", "a.csv", "--step", "9" * 20], "step must be a whole number"),
        (["run", "--max-mb", "nan"], "max-mb must be a number above 0"),
        (["run", "--max-seconds", "nan"], "max-seconds must be a number above 0"),
        (["sweep", "s", "--at", "9" * 20], "at must be a whole number"),
        (["sweep", "s", "--workers", "0"], "workers must be a whole number from 1 to 1,024; got 0"),
        (["sweep", "s", "--workers", "9" * 20], "workers must be a whole number"),
        (["dashboard", "--port", "65536"], "port must be a whole number from 1 to 65,535"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_a_number_out_of_range_is_refused_in_a_sentence(arguments: list[str], sentence: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2 and sentence in capsys.readouterr().err


def test_no_limit_is_a_limit_too(capsys: Any) -> None:
    assert main(["run", *SMALL, "--max-mb", "inf", "--max-seconds", "inf", "--quiet"]) == 0


def test_a_port_that_is_taken_is_said(capsys: Any) -> None:
    import socket

    with socket.create_server(("localhost", 0)) as taken:
        assert main(["dashboard", "--port", str(taken.getsockname()[1])]) == 2
    assert "Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize("signals", [[signal.SIGINT] * 2, [signal.SIGTERM], [signal.SIGTERM, signal.SIGINT]], ids=str)
def test_a_sweep_that_is_ended_however_rudely_keeps_what_is_done(signals: list[signal.Signals], tmp_path: Path) -> None:
    arguments = [
        "sweep",
        "s",
        "--grid",
        "gain=0:10:0.001",
        "--seeds",
        "9",
        "--hidden",
        "4",
        "--workers",
        "2",
        "--quiet",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "nncore", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: any(tmp_path.glob("s/runs/part-*.parquet")))
    for number in signals:
        process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert "Traceback" not in said and "Exception ignored" not in said
    assert 0 < len(sweep.table(tmp_path / "s")) < 90_009
