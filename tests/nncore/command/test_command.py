"""The command line, through the entry point that is installed with the package."""

import http.server
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

import nncore
from nncore import History, RunConfig, run, sweep
from nncore.command import CODES, COMMANDS, dashboard, main
from nncore.command.arguments import read, read_axis, read_seeds
from nncore.command.export import read_history
from nncore.recorders.example import example
from tests.patience import PATIENCE, until

ROOT = Path(nncore.__file__).parents[1]
ENTRY = Path(sys.executable).with_name("nncore")
SMALL = ("--n-samples", "40", "--hidden", "4x2", "--steps", "5")
CONFIG = RunConfig(n_samples=40, hidden=(4, 4), steps=5)


def nncore_command(*arguments: Any, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The installed command, in a process of its own."""
    return subprocess.run([ENTRY, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)


# Through the entry point ------------------------------------------------------------------------------------


def test_the_installed_command_says_what_there_is_and_what_exit_codes_mean() -> None:
    answer = nncore_command("--help")
    assert answer.returncode == 0
    assert all(name in answer.stdout for name in COMMANDS)
    assert CODES in answer.stdout


def test_the_module_is_the_same_command() -> None:
    answer = subprocess.run([sys.executable, "-m", "nncore", "--help"], capture_output=True, text=True)
    assert answer.stdout == nncore_command("--help").stdout


def test_the_installed_command_runs_and_sweeps(tmp_path: Path) -> None:
    answer = nncore_command("run", *SMALL, "--out", "run.parquet", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "Written: run.parquet" in answer.stdout
    assert answer.stderr == "", "nobody looks at this standard error: no bar is drawn"
    found = History.from_parquet(tmp_path / "run.parquet")
    np.testing.assert_array_equal(found.theta, run(CONFIG).theta)
    answer = nncore_command("sweep", "s", "--grid", "gain=0.5,1", "--seeds", 2, *SMALL, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "4 of 4 runs in s: 4 finished." in answer.stdout


def test_a_refusal_is_one_sentence_and_exit_code_2() -> None:
    answer = nncore_command("run", "--nesterov")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == "nncore run: nesterov needs a momentum above 0; got momentum 0\n"


BEGUN = """
import sys
from nncore.command import main
from nncore.display import progress
enter = progress.Interrupt.__enter__
progress.Interrupt.__enter__ = lambda self: (enter(self), print("begun", flush=True))[0]
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_ends_a_run_and_keeps_its_history(tmp_path: Path) -> None:
    arguments = ["run", "--steps", "1000000", "--record-every", "1000", "--hidden", "4", "--out", "run.parquet"]
    process = subprocess.Popen(
        [sys.executable, "-c", BEGUN, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "Traceback" not in err and "Stopped by hand at step" in out
    assert History.from_parquet(tmp_path / "run.parquet").stopped.startswith("Stopped by hand")


def test_ctrl_c_ends_a_sweep_and_keeps_the_runs_that_are_done(tmp_path: Path) -> None:
    arguments = ["sweep", "s", "--grid", "gain=0:10:0.001", "--seeds", "9", "--hidden", "4", "--workers", "2"]
    process = subprocess.Popen(
        [ENTRY, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: any(tmp_path.glob("s/runs/part-*.parquet")))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    done = len(sweep.table(tmp_path / "s"))
    assert 0 < done < 90_009
    assert f"{done:,} of 90,009 runs in s" in out
    assert "Go on with: nncore sweep s --resume" in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda each: each.name)
def test_a_dashboard_that_is_ended_ends_its_server(number: signal.Signals, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "nncore", "dashboard", "--headless", "--port", str(port)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    servers: list[psutil.Process] = []
    try:
        until(lambda: servers.extend(psutil.Process(process.pid).children()) or servers)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in said
        until(lambda: not any(each.is_running() for each in servers))
    finally:
        for each in servers:
            if each.is_running():
                each.kill()


# In this process --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", RunConfig.fields(), ids=lambda field: field.name)
def test_every_setting_is_a_flag_with_its_help_and_default(field: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert f"--{field.name.replace('_', '-')}" in text
    assert " ".join(field.metadata["help"].split()) in text
    assert f"Default: {RunConfig.text(field.name, field.default)}." in text


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(),
        RunConfig(
            hidden=(64, 32, 32),
            activation=("tanh", "relu", "elu"),
            alpha=0.3,
            skip=True,
            standardize=False,
            clip_norm=2.5,
            momentum=0.9,
            nesterov=True,
            weight_decay=1e-4,
            init="normal",
            init_scale=0.1,
        ),
        RunConfig(hidden=(), features=("x1_x2",)),
    ],
    ids=["defaults", "many", "no hidden layer"],
)
def test_a_config_typed_as_flags_is_that_config(config: RunConfig, tmp_path: Path) -> None:
    for field in RunConfig.fields():
        value = getattr(config, field.name)
        assert read(field.name, RunConfig.text(field.name, value)) == value


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("depth=2,4,8", ("depth", [2, 4, 8])),
        ("gain=0.5:1.1:0.1", ("gain", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1])),
        ("gain=3:1:-1", ("gain", [3.0, 2.0, 1.0])),
        ("learning_rate=1e-4:1:log3", ("learning_rate", [1e-4, 1e-2, 1.0])),
        ("noise=0:1:lin3", ("noise", [0.0, 0.5, 1.0])),
        ("hidden=8x3,16-8,none", ("hidden", [(8, 8, 8), (16, 8), ()])),
        ("skip=no,yes", ("skip", [False, True])),
        ("clip_norm=none,2", ("clip_norm", [None, 2.0])),
        ("activation=tanh,relu-elu", ("activation", ["tanh", ("relu", "elu")])),
    ],
)
def test_an_axis_is_read_from_its_text(text: str, axis: tuple[str, list[Any]]) -> None:
    assert read_axis(text) == axis


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gain", "an axis must be name=values"),
        ("gain=", "an axis must be name=values"),
        ("gain=1:2", "a range must be start:stop:step"),
        ("gain=1:2:0", "a range must lead from start to stop"),
        ("gain=1:2:-1", "a range must lead from start to stop"),
        ("gain=0:2:log5", "a logarithmic range must lie above 0"),
        ("gain=a:2:1", "a range must begin and end with a number"),
        ("gain=1,x", "gain must be a number from 0 to 100; got 'x'"),
        ("depth=1:2:0.5", "depth must be a whole number"),
        ("gian=1", "did you mean 'gain'"),
        ("hidden=3xq", "hidden must be widths such as"),
    ],
)
def test_an_axis_that_cannot_be_read_is_refused_in_words(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_axis(text)


def test_seeds_are_a_number_of_them_or_a_list() -> None:
    assert read_seeds("3") == [0, 1, 2]
    assert read_seeds("7,3") == [7, 3]
    assert read_seeds("2:6:2") == [2, 4, 6]


def answered(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, Any]:
    """(exit code, the JSON on standard output)."""
    code = main([str(each) for each in arguments])
    return code, json.loads(capsys.readouterr().out)


def test_run_and_diagnose_say_the_same_of_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep = ["--hidden", "8x12", "--activation", "sigmoid", "--steps", "3", "--n-samples", "40"]
    files = [tmp_path / "run.csv", tmp_path / "run.parquet"]
    code, ran = answered(capsys, "run", *deep, "--json", "--out", files[0], "--out", files[1])
    assert code == 0
    assert "vanishing" in [each["rule"] for each in ran["verdicts"]]
    for file in files:
        code, found = answered(capsys, "diagnose", file, "--json")
        assert code == 1, "layers learn nothing"
        assert {**found, "files": ran["files"]} == ran


def test_diagnose_looks_at_the_step_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(CONFIG).to_parquet(tmp_path / "run.parquet")
    code, found = answered(capsys, "diagnose", tmp_path / "run.parquet", "--json", "--step", 2)
    assert (code, found["step"]) == (0, 2)


def test_a_run_that_diverges_is_told_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--dataset", "diabetes", "--hidden", "4", "--activation", "linear", "--learning-rate", "1e6"]
    assert main(["run", *arguments, "--quiet"]) == 1
    out = capsys.readouterr().out
    assert "Diverged at step" in out and "Traceback" not in out


def test_flags_take_the_place_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.toml").write_text('[base]\nhidden = [3]\nsteps = 2\nclip_norm = "none"\n', encoding="utf-8")
    _, found = answered(capsys, "run", "--toml", tmp_path / "run.toml", "--steps", 4, "--json", "--n-samples", 40)
    assert found["config"] == RunConfig(hidden=(3,), steps=4, n_samples=40).to_dict()


def test_a_sweep_from_a_file_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "grid.toml").write_text(
        'seeds = 2\n[base]\nn_samples = 40\nsteps = 3\n[grid]\ndepth = [1, 2]\ngain = "0.5:1:0.5"\n', encoding="utf-8"
    )
    folder = tmp_path / "s"
    grid = sweep.Grid(RunConfig(n_samples=40, steps=3), {"depth": (1, 2), "gain": (0.5, 1.0)}, seeds=range(2))
    begun = sweep.write(folder, grid, workers=1)
    next(begun)
    begun.close()
    assert 0 < len(sweep.table(folder)) < 8
    arguments = ["sweep", folder, "--toml", tmp_path / "grid.toml", "--resume", "--json", "--csv", tmp_path / "s.csv"]
    code, found = answered(capsys, *arguments)
    assert code == 0
    assert (found["runs"], found["done"], found["endings"]) == (8, 8, {"finished": 8})
    frame = pd.read_csv(tmp_path / "s.csv")
    assert frame["gain"].tolist() == [0.5, 0.5, 1.0, 1.0] * 2
    code, again = answered(capsys, "sweep", folder, "--resume", "--json")
    assert (code, again["endings"]) == (0, {"finished": 8})


def test_a_sweep_with_runs_that_failed_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sweep", str(tmp_path / "s"), "--grid", "nesterov=no,yes", *SMALL, "--quiet"]
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert "1 finished, 1 failed" in out
    assert "Failed, 1: nesterov needs a momentum" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sweep", "new"], "a sweep needs --grid, --seeds or --toml"),
        (["sweep", "new", "--grid", "gian=1"], "did you mean 'gain'"),
        (["sweep", "new", "--toml", "none.toml"], "none.toml cannot be read: No such file"),
        (["sweep", "full", "--seeds", "2"], "full must be a new or an empty folder"),
        (["diagnose", "none.parquet"], "none.parquet cannot be read: No such file"),
        (["diagnose", "none.txt"], "must end in .parquet, .csv, .csv.gz or .zip"),
        (["export", "run.csv"], "say what to write"),
        (["export", "run.csv", "--csv"], "is the file that is read"),
        (["export", "full", "--csv"], "full is not the folder of a sweep"),
        (["export", "full", "--csv", "--every", "2"], "--every is for a history's --csv or --parquet"),
        (["export", "run.csv", "--summary", "--layers", "2"], "--layers is for a history's --csv or --parquet"),
        (["export", "run.csv", "--parquet", "--layers", "2"], "Parquet holds whole histories, and this is all 6"),
        (["export", "run.csv", "--csv", "b.csv", "--layers", "4"], "layers go from 1 to 3; there is no 4"),
        (["export", "run.csv", "--csv", "b.csv", "--steps", "1,x"], "steps must be whole numbers with commas"),
        (["export", "run.csv", "--csv", "b.csv", "--steps", "1", "--every", "2"], "either every or steps"),
        (["export", "run.csv", "--csv", "b.csv", "--every", "0"], "every must be a whole number from 1"),
        (["export", "run.csv", "--csv", "b.csv", "--columns", "loss"], "columns must be theta, gradient or both"),
        (["diagnose", "part.csv"], "this is a part of a history, all 6 recorded steps, layer 1 of 3, θ and gradient"),
        (["run", "--hidden", "64x200", "--steps", "2000"], "the history would take"),
        (["run", "--steps", "2", "--hidden", "3", "--out", "full"], "must end in .parquet, .csv, .csv.gz or .zip"),
        (["run", "--steps", "2", "--hidden", "3", "--out", "no/run.csv"], "no/run.csv cannot be written"),
        (["run", "--steps", "200", "--max-seconds", "0.0001"], "0 s are allowed"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_cannot_be_done_is_refused_in_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").write_text("", encoding="utf-8")
    run(CONFIG).to_csv("run.csv")
    run(CONFIG).to_csv("part.csv", layers=[1])
    assert main(arguments) == 2
    seen = capsys.readouterr()
    assert seen.err.startswith(f"nncore {arguments[0]}: ") and sentence in seen.err
    assert seen.err.count("\n") == 1


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    run(CONFIG.replace(steps=2000)).to_parquet(tmp_path / "run.parquet")
    command = [ENTRY, "export", tmp_path / "run.parquet", "--csv", "-"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(100)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=PATIENCE) == 0


def test_export_writes_the_same_history_in_another_format(tmp_path: Path) -> None:
    history = run(CONFIG)
    history.to_csv(tmp_path / "a.csv")
    assert main(["export", str(tmp_path / "a.csv"), "--parquet", "--summary"]) == 0
    again = History.from_parquet(tmp_path / "a.parquet")
    np.testing.assert_array_equal(again.theta, history.theta)
    assert len(pd.read_csv(tmp_path / "a.summary.csv")) == 6 * 3


@pytest.mark.parametrize("out", ["b.csv", "b.csv.gz", "b.zip", "b.parquet"])
def test_export_thins_as_to_csv_does_and_says_rows_and_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(CONFIG).to_parquet("a.parquet")
    kind = "--parquet" if out.endswith("parquet") else "--csv"
    assert main(["export", "a.parquet", kind, out, "--every", "2"]) == 0
    again = read_history(Path(out))
    assert again.config == CONFIG.replace(record_every=2)
    np.testing.assert_array_equal(again.theta, run(CONFIG).theta[[0, 2, 4, 5]])
    said = capsys.readouterr().out
    assert f"Written: {out}" in said
    if kind == "--csv":
        assert (
            f"{out}: {again.theta.size:,} rows, about 0.0 MB: 4 of 6 recorded steps, all 3 layers, θ and grad" in said
        )
    assert main(["diagnose", out]) == main(["diagnose", "a.parquet"])


def test_export_takes_steps_layers_and_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    history = run(CONFIG)
    history.to_parquet("a.parquet")
    history.to_csv("expected.csv", steps=[0, 2, 3, 4], layers=[1, 3], columns="theta")
    arguments = ["--steps", "0,2-4", "--layers", "1,3", "--columns", "theta"]
    assert main(["export", "a.parquet", "--csv", "--summary", *arguments]) == 0
    assert Path("a.csv").read_bytes() == Path("expected.csv").read_bytes()
    assert len(pd.read_csv("a.summary.csv")) == 6 * 3, "the summary has every step and layer"


def test_a_compressed_history_is_run_exported_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", *SMALL, "--quiet", "--out", "a.csv.gz"]) == 0
    assert main(["export", "a.csv.gz", "--csv", "--parquet"]) == 0
    for file in ("a.csv.gz", "a.csv", "a.parquet"):
        np.testing.assert_array_equal(read_history(Path(file)).theta, run(CONFIG).theta)


def test_export_writes_to_standard_output(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    run(CONFIG).to_parquet(tmp_path / "a.parquet")
    assert main(["export", str(tmp_path / "a.parquet"), "--csv", "-"]) == 0
    assert capfdbinary.readouterr().out.startswith(b"step,loss,layer,kind")


def test_the_dashboard_is_started_with_streamlit(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    monkeypatch.setattr(dashboard, "_call", lambda command, folder, environment: called.append(command) or 0)
    assert main(["dashboard", "--port", port, "--headless"]) == 0
    assert called[0][1:4] == ["-m", "streamlit", "run"]
    assert Path(called[0][4]).name == "served.py" and port in called[0]
    assert "localhost" in called[0] and "*" not in called[0]
    assert main(["dashboard", "--port", port, "--headless", "--address", "0.0.0.0"]) == 0
    assert called[1][-2:] == ["--server.allowedHosts", "*"]


def test_the_dashboard_of_a_recorded_run_opens_its_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/_stcore/health" else 404)
            self.end_headers()

        def log_message(self, *said: object) -> None:
            """Nothing."""

    opened: queue.SimpleQueue[str] = queue.SimpleQueue()
    commands: list[list[str]] = []

    def serve(command: list[str], folder: object, environment: dict[str, str]) -> int:
        commands.append(command)
        assert environment["NNCORE_RECORDED"] == str(run_file)
        with http.server.HTTPServer(("127.0.0.1", int(port)), Health) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            assert opened.get(timeout=PATIENCE) == f"http://127.0.0.1:{port}/own_model"
            server.shutdown()
        return 0

    run_file = example(tmp_path / "run.arrows")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    monkeypatch.setattr(dashboard.webbrowser, "open", opened.put)
    monkeypatch.setattr(dashboard, "_call", serve)
    assert main(["dashboard", str(run_file), "--port", port, "--address", "127.0.0.1"]) == 0
    assert commands[0][commands[0].index("--server.headless") + 1] == "true", "Streamlit would open its first page too"


def test_without_the_app_the_dashboard_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dashboard, "APP", tmp_path / "served.py")
    assert main(["dashboard"]) == 2
    assert "is not beside it: install nncore again" in capsys.readouterr().err


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_sweep_in_processes_is_made_whichever_standard_streams_are_closed(tmp_path: Path, closed: str) -> None:
    arguments = f"sweep {tmp_path}/s --grid depth=1,2 --steps 2 --n-samples 20 --workers 2 --quiet"
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m nncore {arguments} {closed}"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert sweep.table(tmp_path / "s", ["ending"])["ending"].to_pylist() == ["finished"] * 2


def test_what_is_written_to_a_closed_standard_error_does_not_go_into_a_file(tmp_path: Path) -> None:
    code = (
        "import os, nncore.command\n"
        "nncore.command._hold_the_standard_streams()\n"
        f"file = open({str(tmp_path / 'file')!r}, 'w')\n"
        "os.write(2, b'a warning of a library')\n"
    )
    subprocess.run(["bash", "-c", f'{sys.executable} -c "$0" 2>&-', code], check=True, cwd=ROOT)
    assert (tmp_path / "file").read_text() == ""


def test_the_command_loads_nothing_of_the_dashboard_or_a_cluster() -> None:
    code = "import nncore.command, sys; print(*sys.modules)"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"streamlit", "distributed", "dask", "pyarrow", "pandas", "joblib"} & set(seen.stdout.split())


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (
            ["--dataset", "diabetes", "--no-standardize", "--activation", "relu", "--init", "he_normal"],
            1,
            "Targets are not scaled",
        ),
        (["--hidden", "8,8", "--l2", "5", "--learning-rate", "0.3"], 1, "Penalty rules the weights"),
        (["--hidden", "16x12", "--activation", "sigmoid", "--steps", "80"], 1, "Nothing learned"),
        (["--hidden", "16", "--learning-rate", "0.3"], 0, "Nothing wrong was found."),
    ],
)
def test_a_run_that_does_not_learn_is_told_by_its_exit_code(
    capsys: pytest.CaptureFixture[str], flags: list[str], code: int, said: str
) -> None:
    assert main(["run", "--quiet", *flags]) == code
    printed = capsys.readouterr().out
    assert said in printed and "one answer for every input has" in printed


def test_a_setting_without_effect_is_said_on_the_error_stream(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    main(["run", "--quiet", "--steps", "2", "--hidden", "4", "--optimizer", "adam", "--momentum", "0.9"])
    assert "nncore run: momentum 0.9 has no effect: only sgd has it" in capsys.readouterr().err
    flags = ["--grid", "optimizer=sgd,adam", "--momentum", "0.9", "--steps", "2", "--hidden", "4", "--workers", "1"]
    main(["sweep", str(tmp_path / "sweep"), *flags])
    assert "momentum has no effect in 1 of 2 runs: only sgd has it" in capsys.readouterr().err
