"""`nncore diagnose` and `nncore export` of a recorded run, finished or still written."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from nncore.command import main
from nncore.recorders import Recorded
from nncore.recorders.example import example

AHEAD = 4e9
"""A time of change that no clock has reached: the file has just been written."""


@pytest.mark.parametrize(("blocks", "code"), [(3, 0), (12, 1)])
@pytest.mark.parametrize("finished", [True, False])
def test_diagnose_says_what_is_wrong(
    blocks: int, code: int, finished: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = example(tmp_path / "run.arrows", n_blocks=blocks, finished=finished)
    os.utime(path, (AHEAD, AHEAD))
    assert main(["diagnose", str(path)]) == code
    out = capsys.readouterr().out
    assert ("finished" if finished else "still written") in out.splitlines()[0]
    assert "loss 0.7 -> 0.6 at step 20" in out and ("Gradients vanish: blocks.0 receives" in out) == bool(code)
    assert ("Nothing wrong was found." in out) != bool(code) and out.endswith("These numbers are made up.\n")
    assert main(["diagnose", str(path), "--json", "--step", "9"]) == code
    facts = json.loads(capsys.readouterr().out)
    assert facts["step"] == 10 and facts["finished"] is finished and bool(facts["verdicts"]) == bool(code)
    assert list(facts["delta_norm"]) == [*(f"blocks.{k}" for k in range(blocks)), "head"]


def test_diagnose_says_that_a_run_has_stopped_without_an_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = example(tmp_path / "run.arrows", n_blocks=3, finished=False)
    os.utime(path, (0, 0))
    assert main(["diagnose", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].endswith("stopped without an end")
    assert "The run stopped without an end, 3 records are here: nothing has been written for " in out
    assert main(["diagnose", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stopped"] is True


def test_a_recorded_run_in_parquet_is_known_by_its_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Recorded.open(example(tmp_path / "run.arrows", n_blocks=3)).to_parquet(tmp_path / "run.parquet")
    assert main(["diagnose", str(tmp_path / "run.parquet")]) == 0
    assert "10 modules, 8 parameters, 3 records to step 20" in capsys.readouterr().out


def test_export_writes_the_tidy_table_and_parquet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = example(tmp_path / "run.arrows", n_blocks=3)
    assert main(["export", str(path), "--csv", "--parquet"]) == 0
    assert list(pd.read_csv(tmp_path / "run.csv")) == ["step", "layer", "quantity", "value"]
    assert Recorded.open(tmp_path / "run.parquet").steps.tolist() == [0, 10, 20]
    capsys.readouterr()
    assert main(["export", str(path), "--summary"]) == 2
    assert "--summary is for a history" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read: No such file"), (b"step,loss\n", "no recorded run"), (b"", "no recorded run")],
)
def test_what_is_no_recorded_run_is_refused_in_one_sentence(
    content: bytes | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.arrows"
    if content is not None:
        path.write_bytes(content)
    assert main(["diagnose", str(path)]) == 2
    seen = capsys.readouterr().err
    assert sentence in seen and seen.count("\n") == 1


def test_before_the_first_record_diagnose_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(example(tmp_path / "run.arrows", records=0))]) == 2
    assert "holds no whole record yet" in capsys.readouterr().err


def test_logs_are_diagnosed_and_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[2] / "cases" / "two_layers.tfevents", folder / "events.out.tfevents.1")
    assert main(["diagnose", str(folder)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("TensorBoard: 3 modules, 4 parameters, 2 records to step 2")
    assert "Not judged, for what they look at was not recorded: " in said
    assert main(["export", str(folder), "--csv", str(tmp_path / "run.csv")]) == 0
    assert main(["diagnose", str(tmp_path / "run.csv")]) == 0
    assert "CSV: 3 modules, 4 parameters, 2 records to step 2" in capsys.readouterr().out


def test_a_log_is_diagnosed_while_it_grows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = (Path(__file__).parents[2] / "cases" / "two_layers.tfevents").read_bytes()
    events = tmp_path / "events.out.tfevents.1"
    for length, last in ((len(content) // 4, 0), (len(content) * 2 // 5, 0), (len(content), 2)):
        events.write_bytes(content[:length])
        assert main(["diagnose", str(tmp_path), "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["step"] == last and facts["finished"] is None
    assert main(["diagnose", str(tmp_path)]) == 0
    assert "a log, which does not tell whether more will come" in capsys.readouterr().out


def test_a_folder_without_a_log_is_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runs" / "one").mkdir(parents=True)
    shutil.copy(
        Path(__file__).parents[2] / "cases" / "two_layers.tfevents", tmp_path / "runs" / "one" / "events.out.tfevents.1"
    )
    assert main(["diagnose", str(tmp_path / "runs")]) == 2
    seen = capsys.readouterr().err
    assert "is a folder without event files of TensorBoard: there are some in " in seen and "runs/one" in seen
    assert seen.startswith("nncore diagnose: ") and seen.count("\n") == 1
