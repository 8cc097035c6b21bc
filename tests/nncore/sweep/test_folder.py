"""A folder holds whole parts only, says what it was begun with, and is read without loading it all."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nncore import History, RunConfig, measures, run, sweep
from nncore.sweep import Folder, Grid, Limits, Listed, Report, config_of, layers, summarize, table, write
from nncore.sweep.folder import FLUSH_BYTES
from nncore.sweep.table import schema
from tests.nncore.sweep.tables import exhaust, same_bits

BASE = RunConfig(n_samples=20, hidden=(3, 2), steps=4)
GRID = Grid(BASE, {"activation": ("tanh", ("relu", "sigmoid")), "sigma_w2": (0.5, 2.0)}, seeds=range(3))


def test_a_row_leads_back_to_its_config(tmp_path: Path) -> None:
    exhaust(write(tmp_path / "s", GRID))
    found = table(tmp_path / "s")
    assert [config_of(row) for row in found.to_pylist()] == list(GRID)
    assert found["sigma_w2"].to_pylist() == [0.5] * 3 + [2.0] * 3 + [0.5] * 3 + [2.0] * 3
    assert len(set(found["key"].to_pylist())) == len(GRID)


def test_a_run_whose_settings_do_not_go_together_has_a_row_with_what_the_grid_says(tmp_path: Path) -> None:
    grid = Grid(BASE.replace(activation="tanh"), {"activation": ("tanh", ("relu",)), "width": (2, 3)})
    exhaust(write(tmp_path / "s", grid))
    row = table(tmp_path / "s").to_pylist()[2]
    assert (row["run"], row["key"], row["activation"], row["width"]) == (2, None, "relu", 2)
    assert row["ending"] == "failed" and "activation must be one name" in row["reason"]
    assert row["loss_last"] is None


def test_layers_and_histories_are_kept_when_asked_for(tmp_path: Path) -> None:
    report = Report(quantities=("delta_norm", "weight_norm"), steps=(0, 2, -1), layers=True, histories=True)
    exhaust(write(tmp_path / "s", GRID, report))
    found = layers(tmp_path / "s").to_pandas()
    for number, config in enumerate(GRID):
        history = run(config)
        again = History.from_parquet(Folder.open(tmp_path / "s").history(number))
        np.testing.assert_array_equal(again.theta, history.theta)
        expected = measures.per_layer(history, report.quantities, np.array([0, 2, 4])).frame()
        pd.testing.assert_frame_equal(
            found[found["run"] == number].drop(columns="run").reset_index(drop=True), expected
        )


def test_a_sweep_without_layers_says_how_to_keep_them(tmp_path: Path) -> None:
    exhaust(write(tmp_path / "s", GRID))
    assert not (tmp_path / "s" / "histories").exists()
    with pytest.raises(ValueError, match="keeps no per-layer table"):
        layers(tmp_path / "s")


def test_what_an_earlier_end_left_behind_is_removed_and_done_again(tmp_path: Path) -> None:
    report = Report(layers=True)
    exhaust(write(tmp_path / "whole", GRID, report))
    begun = write(tmp_path / "s", GRID, report, workers=1)
    next(begun)
    begun.close()
    folder = Folder.open(tmp_path / "s")
    half = folder.path / "runs" / "part-00000003.parquet.1.tmp"
    half.write_bytes(b"PAR1 and no more")
    orphan = folder.path / "layers" / "part-00000099.parquet"
    pq.write_table(layers(tmp_path / "whole"), orphan)
    exhaust(write(tmp_path / "s", resume=True))
    assert not half.exists() and not orphan.exists()
    assert same_bits(table(tmp_path / "s"), table(tmp_path / "whole"))
    assert same_bits(layers(tmp_path / "s"), layers(tmp_path / "whole"))


def test_a_finished_sweep_that_is_resumed_does_nothing(tmp_path: Path) -> None:
    exhaust(write(tmp_path / "s", GRID))
    assert exhaust(write(tmp_path / "s", GRID, resume=True)) == 0
    assert exhaust(write(tmp_path / "s", resume=True)) == 0


def test_a_list_of_configs_is_swept_too(tmp_path: Path) -> None:
    configs = [BASE, BASE.replace(hidden=(4,), activation="relu"), BASE.replace(features=("x1_x2",))]
    exhaust(write(tmp_path / "s", configs))
    assert [config_of(row) for row in table(tmp_path / "s").to_pylist()] == configs
    assert isinstance(Folder.open(tmp_path / "s").runs, Listed)


@pytest.mark.parametrize(
    ("again", "sentence"),
    [
        ({"runs": GRID}, "holds a sweep already: resume it, or choose another folder"),
        ({"runs": Grid(BASE, {}, seeds=range(2)), "resume": True}, "was begun with other runs"),
        ({"report": Report(scores=False), "resume": True}, "was begun with other report"),
        ({"limits": Limits(seconds=1.0), "resume": True}, "was begun with other limits"),
        ({}, "runs are needed to begin a sweep"),
    ],
)
def test_a_folder_takes_only_the_sweep_that_it_was_begun_with(
    again: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    exhaust(write(tmp_path / "s", GRID, Report()))
    with pytest.raises(ValueError, match=sentence):
        exhaust(write(tmp_path / "s", **again))


def test_one_process_at_a_time_writes_into_a_folder(tmp_path: Path) -> None:
    first = write(tmp_path / "s", GRID, workers=1)
    next(first)
    with pytest.raises(ValueError, match="another process is writing into"):
        exhaust(write(tmp_path / "s", resume=True))
    first.close()
    exhaust(write(tmp_path / "s", resume=True))
    assert len(table(tmp_path / "s")) == len(GRID)


@pytest.mark.parametrize("content", [None, "{}", "[]", "no json", '{"format": 2}'])
def test_something_else_is_not_taken_for_a_sweep(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "sweep.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="is not the folder of a sweep"):
        table(tmp_path)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="must be a new or an empty folder"):
        exhaust(write(tmp_path, GRID))


def test_long_histories_are_written_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nncore.sweep.folder.FLUSH_BYTES", 1)
    exhaust(write(tmp_path / "s", GRID, Report(histories=True), workers=1))
    assert len(Folder.open(tmp_path / "s").parts()) == 2
    assert FLUSH_BYTES == 64 * 2**20


# Reading ----------------------------------------------------------------------------------------------------


def test_a_summary_is_the_median_over_seeds(tmp_path: Path) -> None:
    grid = Grid(BASE, {"depth": (1, 2), "gain": (0.5, 1.0)}, seeds=range(5))
    exhaust(write(tmp_path / "s", grid))
    found = summarize(tmp_path / "s", ("depth", "gain"), ("loss_last",))
    frame = table(tmp_path / "s").to_pandas()
    expected = frame.groupby(["depth", "gain"])["loss_last"].median()
    assert found["n"].tolist() == [5] * 4
    assert list(zip(found["depth"].tolist(), found["gain"].tolist(), strict=True)) == list(expected.index)
    np.testing.assert_array_equal(found["loss_last"], expected.to_numpy())


def test_runs_without_a_number_are_left_out_of_a_summary_and_counted(tmp_path: Path) -> None:
    grid = Grid(BASE.replace(activation="tanh"), {"activation": ("tanh", ("relu",))}, seeds=range(3))
    exhaust(write(tmp_path / "s", grid))
    found = summarize(tmp_path / "s", ("activation",), ("loss_last",), how="mean")
    assert found["activation"].tolist() == ["relu", "tanh"]
    assert found["finite_loss_last"].tolist() == [0, 3] and found["n"].tolist() == [3, 3]
    assert np.isnan(found["loss_last"][0]) and found["loss_last"][1] > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((("gian",), ("loss_last",)), "did you mean 'gain'"),
        ((("gain",), ("loss",), "sum"), "how must be one of median, mean, min, max; got 'sum'"),
        ((("hidden",), ("loss_last",)), "hidden has a list in every cell"),
    ],
)
def test_a_summary_that_cannot_be_made_is_refused(arguments: tuple[Any, ...], sentence: str, tmp_path: Path) -> None:
    exhaust(write(tmp_path / "s", Grid(BASE, {}, seeds=range(2))))
    with pytest.raises(ValueError, match=sentence):
        summarize(tmp_path / "s", *arguments)


def test_a_million_runs_are_summarized_without_loading_them_all(tmp_path: Path) -> None:
    grid = Grid(BASE, {"depth": range(1, 11), "gain": np.linspace(0.1, 10, 100)}, seeds=range(1000))
    folder = Folder.create(tmp_path / "s", grid, Report(), Limits())
    rng, count, size = np.random.default_rng(0), len(grid), 250_000
    loss = rng.normal(size=count)
    for start in range(0, count, size):
        runs = np.arange(start, start + size)
        known = {
            "run": runs,
            "depth": runs // 100_000 + 1,
            "gain": np.linspace(0.1, 10, 100)[runs // 1000 % 100],
            "seed": runs % 1000,
            "loss_last": loss[runs],
        }
        fields = schema(grid, folder.report)
        columns = [
            pa.array(known[field.name], field.type) if field.name in known else pa.nulls(size, field.type)
            for field in fields
        ]
        pq.write_table(pa.Table.from_arrays(columns, schema=fields), folder.path / "runs" / f"part-{start:08d}.parquet")
    before = pa.total_allocated_bytes()
    peak = pa.default_memory_pool().max_memory()
    found = summarize(tmp_path / "s", ("depth", "gain"), ("loss_last",))
    assert pa.total_allocated_bytes() - before < 2**20
    assert pa.default_memory_pool().max_memory() - peak < 128 * 2**20
    assert found["n"].tolist() == [1000] * 1000
    np.testing.assert_array_equal(found["loss_last"], np.median(loss.reshape(1000, 1000), axis=1))


def test_csv_has_every_float_in_full_and_layers_in_one_cell(tmp_path: Path) -> None:
    exhaust(write(tmp_path / "s", GRID))
    found = table(tmp_path / "s")
    sweep.write_csv(found, tmp_path / "s.csv")
    again = pd.read_csv(tmp_path / "s.csv")
    np.testing.assert_array_equal(again["loss_last"], found["loss_last"].to_numpy())
    cell = [float(each) for each in again["delta_norm_at_0"][4].split(";")]
    assert cell == found["delta_norm_at_0"][4].as_py()
    assert again["hidden"][0] == "3;2"


def test_sweep_json_says_what_was_swept(tmp_path: Path) -> None:
    exhaust(write(tmp_path / "s", GRID, limits=Limits(seconds=9.0)))
    facts = json.loads((tmp_path / "s" / "sweep.json").read_text(encoding="utf-8"))
    assert facts["runs"]["axes"]["seed"] == [0, 1, 2]
    assert Folder.open(tmp_path / "s").limits == Limits(seconds=9.0)
