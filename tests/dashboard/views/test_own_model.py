"""A recorded run on its page: verdicts, charts of its modules by name, a live file, one block, bad files."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from dashboard.jobs import limits
from dashboard.views.own_model import source
from nncore.command.dashboard import RECORDED
from nncore.recorders.example import example
from nncore.recorders.recorded import Recorded, is_recorded
from nncore.recorders.stream import pieces
from tests.conftest import click, plots
from tests.dashboard.lab import element, opened_on

CASES = Path(__file__).parents[2] / "cases"
DISTRIBUTIONS = {"chart_o_activation", "chart_o_delta", "chart_o_weight_gradient"}
CHARTS = {"chart_o_flow", "chart_o_map", "chart_o_updates", "chart_o_loss"} | DISTRIBUTIONS


def said(app) -> str:
    return " ".join(text.value for kind in ("markdown", "caption", "info", "error") for text in app.main.get(kind))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's folder of recorded runs."""
    monkeypatch.setenv(RECORDED, str(tmp_path))
    return tmp_path


def test_empty_page_says_the_lines_that_record_and_offers_an_example() -> None:
    app = opened_on("own_model")
    assert "with record(model, optimizer" in app.code[0].value and "callbacks=[recorder(" in said(app)
    assert not plots(app)
    element(app, "o_example").set_value(True).run()
    assert not app.exception and set(plots(app)) == (CHARTS | {"chart_o_lines"}) - {
        "chart_o_weight_gradient"
    }  # 24 blocks and the head; blocks have no weight of their own
    assert "Gradients vanish" in said(app) and "made up" in said(app)


def test_charts_show_what_was_recorded_by_name(folder: Path) -> None:
    recorded = Recorded.open(example(folder / "run.arrows", n_blocks=3, factor=0.1))
    app = opened_on("own_model")
    flow = plots(app)["chart_o_flow"]["figure"]
    (now,) = [trace for trace in flow["data"] if trace["name"] == "δ at step 20"]
    np.testing.assert_allclose(now["y"], recorded.quantity("delta_norm")[-1])
    assert list(now["customdata"]) == [module.name for module in recorded.modules]
    (map_,) = plots(app)["chart_o_map"]["figure"]["data"]
    np.testing.assert_allclose(map_["customdata"], recorded.quantity("delta_norm").T)


def test_a_large_model_is_shown_along_the_way_of_its_gradient_and_a_block_opens(folder: Path) -> None:
    recorded = Recorded.open(example(folder / "run.arrows", n_blocks=100, factor=0.9))
    app = opened_on("own_model")
    assert len(plots(app)["chart_o_flow"]["figure"]["data"][-1]["x"]) == len(recorded.path_of_gradient)
    element(app, "o_block").set_value("blocks.7").run()
    names = plots(app)["chart_o_flow"]["figure"]["data"][-1]["customdata"]
    assert len(names) == len(recorded.blocks[7].modules) and all(name.startswith("blocks.7") for name in names)
    kind = next(module.kind for module in recorded.modules if module.block and module.name != module.block)
    element(app, "o_word").set_value(kind).run()
    assert len(plots(app)["chart_o_flow"]["figure"]["data"][-1]["x"]) >= 100
    element(app, "o_word").set_value("no such name").run()
    assert "No module has such a name" in said(app) and not plots(app)


def test_a_click_on_a_module_opens_its_block_and_a_kind_is_shown_in_every_block(folder: Path) -> None:
    recorded = Recorded.open(example(folder / "run.arrows", n_blocks=30, factor=0.9))
    app = opened_on("own_model")

    def shown() -> list[str]:
        return list(plots(app)["chart_o_flow"]["figure"]["data"][-1]["customdata"])

    weights = [unit.name for unit in recorded.modules if unit.type == "Linear"]
    element(app, "o_block").set_value("every up").run()
    assert shown() == weights[:-1] and all(name.endswith(".up") for name in shown())
    element(app, "o_word").set_value("blocks.2").run()
    assert shown() == ["blocks.2.up", *(f"blocks.2{k}.up" for k in range(10))]
    click(app, "chart_o_flow", x=1, y=0.5, z=None, curve=0, point=0, customdata="")
    assert element(app, "o_block").value == "blocks.2" and element(app, "o_word").value == ""
    assert set(shown()) <= {module.name for module in recorded.modules if module.block == "blocks.2"}
    element(app, "o_block").set_value("the way of the gradient").run()
    click(app, "chart_o_map", x=0, y=8, z=0.5, curve=0, point=[7, 0], customdata="")
    assert element(app, "o_block").value == "blocks.7"
    element(app, "o_block").set_value("the way of the gradient").run()
    click(app, "chart_o_map", x=0, y=31, z=0.5, curve=0, point=[30, 0], customdata="")
    assert element(app, "o_block").value == "the way of the gradient", "the head stands in no block"


def test_of_many_modules_the_worst_the_median_and_the_best_are_lines_of_what_the_map_shows(folder: Path) -> None:
    recorded = Recorded.open(example(folder / "run.arrows", n_blocks=40, factor=0.8))
    app = opened_on("own_model")
    path = list(recorded.path_of_gradient)
    (largest, median, smallest) = plots(app)["chart_o_lines"]["figure"]["data"]
    values = recorded.quantity("delta_norm")[:, path]
    for trace, expected in ((largest, values.max(axis=1)), (median, np.median(values, 1)), (smallest, values.min(1))):
        np.testing.assert_allclose(trace["y"], expected)
    assert set(largest["customdata"]) == {"head<br>"} and set(smallest["customdata"]) == {"blocks.0<br>"}
    element(app, "o_quantity").set_value("update_ratio").run()
    assert not app.exception and "chart_o_lines" not in plots(app), "these lines stand there already"
    element(app, "o_quantity").set_value("activation_std").run()
    assert [trace["name"] for trace in plots(app)["chart_o_lines"]["figure"]["data"]] == [
        "largest",
        "median",
        "smallest",
    ]
    element(app, "o_block").set_value("blocks.7").run()
    assert "chart_o_lines" not in plots(app)


def test_every_quantity_is_drawn_and_every_step(folder: Path) -> None:
    example(folder / "run.arrows", n_blocks=2)
    app = opened_on("own_model")
    pick = element(app, "o_quantity")
    for choice in pick.options:
        element(app, "o_quantity").set_value(choice.content if hasattr(choice, "content") else choice)
        app.run()
        assert not app.exception, choice
    app.select_slider(key="o_step").set_value(0).run()
    assert not app.exception and set(plots(app)) == CHARTS


AHEAD = 4e9
"""A time of change that no clock has reached: the file has just been written."""


def test_a_file_that_is_still_written_is_followed_and_one_that_stopped_is_a_finding(folder: Path) -> None:
    path = example(folder / "run.arrows", n_blocks=2, finished=False)
    os.utime(path, (AHEAD, AHEAD))
    app = opened_on("own_model")
    assert "Live: 3 records so far, the last one 0 s ago; the page follows the file" in said(app)
    assert "still written" in said(app) and "No end" not in said(app)
    os.utime(path, (0, 0))
    app.run()
    assert "The run stopped without an end, 3 records are here: nothing has been written for " in said(app)
    assert "No end" in said(app) and "Live:" not in said(app) and "still looks whether more comes" in said(app)


def test_a_run_that_stopped_before_its_first_record_says_so(folder: Path) -> None:
    content = (CASES / "gpt.arrows").read_bytes()
    header = next(piece.end for piece in pieces(memoryview(content)) if piece.header is not None)
    (folder / "run.arrows").write_bytes(content[:header])
    os.utime(folder / "run.arrows", (AHEAD, AHEAD))
    app = opened_on("own_model")
    assert "Recording has begun" in said(app) and "no record so far, the file changed 0 s ago" in said(app)
    os.utime(folder / "run.arrows", (0, 0))
    app.run()
    assert "The run stopped without an end, 0 records are here" in app.warning[0].value


def test_the_run_before_a_change_is_followed_too(folder: Path) -> None:
    example(folder / "now.arrows", n_blocks=2)
    content = (CASES / "gpt.arrows").read_bytes()
    ends = [piece.end for piece in pieces(memoryview(content)) if piece.rows is not None]
    before = folder / "past.arrows"
    before.write_bytes(content[: ends[0]])
    os.utime(before, (AHEAD, AHEAD))
    app = opened_on("own_model")
    element(app, "o_before").set_value("past.arrows").run()
    first = len(Recorded.open(before).steps)
    assert f"Live: {first} record" in said(app), "the other one is closed, so that there is one to follow"
    before.write_bytes(content[: ends[-1]])
    os.utime(before, (AHEAD, AHEAD))
    app.run()
    assert f"{len(Recorded.open(before).steps)} records to step 60, still written" in said(app)
    os.utime(example(folder / "third.arrows", n_blocks=2, finished=False), (AHEAD, AHEAD))
    app.run()
    element(app, "o_run").set_value("third.arrows").run()
    element(app, "o_before").set_value("past.arrows").run()
    assert "Live, third.arrows: 3 records so far" in said(app) and "Live, past.arrows: " in said(app)


def test_runs_below_the_folder_are_offered_and_others_are_not(folder: Path) -> None:
    (folder / "a").mkdir()
    example(folder / "a" / "one.arrows")
    example(folder / "two.arrows")
    (folder / "not.arrows").write_bytes(b"nothing")
    app = opened_on("own_model")
    assert element(app, "o_run").options == ["a/one.arrows", "two.arrows"]


def test_what_cannot_be_read_beside_a_run_is_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example(folder / "run.arrows", n_blocks=2)
    (folder / "loop.arrows").symlink_to("loop.arrows")
    os.mkfifo(folder / "pipe.arrows")
    (folder / "shut.arrows").write_bytes(b"ARROW1")

    def read(path: Path) -> bool:
        if path.name == "shut.arrows":
            raise PermissionError(13, "Permission denied", str(path))
        return is_recorded(path)

    monkeypatch.setattr(source, "is_recorded", read)
    app = opened_on("own_model")
    assert not app.exception and element(app, "o_run").options == ["run.arrows"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("loop", "Too many levels of symbolic links"),
        ("n" * 300, "File name too long"),
        ("file/below", "Not a directory"),
    ],
)
def test_a_path_that_cannot_be_read_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    (folder / "loop").symlink_to("loop")
    (folder / "file").write_text("nothing")
    for setting, page in ((limits.RECORDED, "own_model"), (limits.SWEEPS, "map")):
        monkeypatch.setenv(setting, str(folder / name))
        app = opened_on(page, depth="1", width="2", steps="1", n_samples="20")
        assert not app.exception and next(each.value for each in app.error).endswith(f"cannot be read: {why}.")
        monkeypatch.delenv(setting)


def test_logs_are_opened_and_what_they_cannot_tell_is_said(folder: Path) -> None:
    (folder / "runs").mkdir()
    shutil.copy(CASES / "two_layers.tfevents", folder / "runs" / "events.out.tfevents.1")
    Recorded.open(example(folder / "other.arrows", n_blocks=3)).to_csv(folder / "table.csv")
    (folder / "other.arrows").unlink()
    (folder / "another.csv").write_text("step,loss\n0,1\n")
    app = opened_on("own_model")
    assert element(app, "o_run").options == ["runs", "table.csv"]
    assert not app.exception and "From TensorBoard" in said(app)
    assert "Not judged, for what they look at was not recorded: " in said(app)
    traces = plots(app)["chart_o_flow"]["figure"]["data"]
    assert [trace["name"] for trace in traces] == ["∂E/∂W at step 0", "∂E/∂W at step 2"]
    assert list(traces[0]["customdata"]) == ["0", "2"]
    element(app, "o_run").set_value("table.csv").run()
    assert not app.exception and set(plots(app)) == CHARTS - DISTRIBUTIONS


def test_a_log_that_has_grown_is_read_again_with_the_page(folder: Path) -> None:
    table = folder / "table.csv"
    table.write_text("step,layer,quantity,value\n0,a,delta_norm,1\n", encoding="utf-8")
    os.utime(table, (AHEAD, AHEAD))
    app = opened_on("own_model")
    assert "1 records to step 0" in said(app)
    assert "Live: 1 record so far, the last one 0 s ago; the page follows the log" in said(app)
    with table.open("a", encoding="utf-8") as file:
        file.write("5,a,delta_norm,1\n")
    app.run()
    assert "2 records to step 5" in said(app)


def test_a_link_in_a_folder_of_events_is_not_followed(folder: Path) -> None:
    (folder / "events.out.tfevents.1").symlink_to(CASES / "two_layers.tfevents")
    assert "No recorded run lies at" in said(opened_on("own_model"))


def test_a_run_before_a_change_is_laid_beside_it_by_the_names_of_modules(folder: Path) -> None:
    now = Recorded.open(example(folder / "now.arrows", n_blocks=4, factor=0.9, records=4))
    before = Recorded.open(example(folder / "past.arrows", n_blocks=3, factor=0.1, records=3))
    app = opened_on("own_model")
    assert element(app, "o_before").options == ["none", "past.arrows"]
    element(app, "o_before").set_value("past.arrows").run()
    assert not app.exception and set(plots(app)) == CHARTS | {"chart_o_map_before"}
    text = said(app)
    assert "What differs: 3 modules more: blocks.3, blocks.3.act and blocks.3.up." in text
    assert "“Gradients vanish” is gone" in text and "Before: past.arrows" in text and "Now: now.arrows" in text
    flow = plots(app)["chart_o_flow"]["figure"]["data"]
    names = next(list(trace["customdata"]) for trace in flow if trace["name"] == "δ at step 30")
    ghost = next(trace for trace in flow if trace["name"] == "δ of past.arrows")
    of = {unit.name: value for unit, value in zip(before.modules, before.quantity("delta_norm")[-1], strict=True)}
    assert (
        [names[int(x) - 1] for x in ghost["x"]] == [name for name in names if name in of] == list(ghost["customdata"])
    )
    np.testing.assert_allclose(ghost["y"], [of[name] for name in ghost["customdata"]])
    maps = [plots(app)[f"chart_o_{name}"]["figure"]["data"][0] for name in ("map", "map_before")]
    assert [maps[0][end] for end in ("zmin", "zmax")] == [maps[1][end] for end in ("zmin", "zmax")]
    assert list(maps[0]["y"]) == list(maps[1]["y"])
    losses = plots(app)["chart_o_loss"]["figure"]["data"]
    assert [trace["line"]["dash"] for trace in losses] == ["dash", "solid"]
    np.testing.assert_allclose(losses[0]["y"], before.loss)
    np.testing.assert_allclose(losses[1]["y"], now.loss)


def test_models_without_a_module_in_common_are_compared_all_the_same(folder: Path) -> None:
    example(folder / "a.arrows")
    shutil.copy(CASES / "two_layers.tfevents", folder / "b.arrows")
    (folder / "b.csv").write_text("step,layer,quantity,value\n3,other,delta_norm,1\n", encoding="utf-8")
    app = opened_on("own_model")
    element(app, "o_before").set_value("b.csv").run()
    assert not app.exception and "What differs" in said(app)


def test_the_example_is_shown_after_a_change_too() -> None:
    app = opened_on("own_model")
    element(app, "o_example").set_value(True).run()
    element(app, "o_example_changed").set_value(True).run()
    assert not app.exception and "“Gradients vanish” is gone" in said(app)


def test_a_chain_has_its_ledger_and_a_stand_in_and_others_say_why_not(folder: Path) -> None:
    example(folder / "chain.arrows")
    shutil.copy(CASES / "gpt.arrows", folder / "gpt.arrows")
    app = opened_on("own_model")
    assert not app.exception
    bars = {trace["name"]: trace["y"] for trace in plots(app)["chart_o_ledger"]["figure"]["data"]}
    np.testing.assert_allclose([bars["weights"], bars["slope"]], np.log10(0.5))
    (way,) = [each for each in app.get("page_link") if "stand-in" in each.proto.label]
    assert "depth=1" in way.proto.query_string and "It is not your model" in said(app)
    element(app, "o_run").set_value("gpt.arrows").run()
    assert not app.exception and "chart_o_ledger" not in plots(app)
    traces = plots(app)["chart_o_stream"]["figure"]["data"]
    assert [trace["name"] for trace in traces] == ["stream", "attn.proj", "mlp.2"]
    assert "of the stream" in traces[1]["customdata"][0]
    assert "not a chain of simple ones, for places does not take the output of tokens" in said(app)


def test_a_folder_without_runs_and_a_damaged_file_are_said(folder: Path) -> None:
    assert "No recorded run lies at" in said(opened_on("own_model"))
    whole = example(folder / "run.arrows").read_bytes()
    (folder / "run.arrows").write_bytes(whole[:40])
    app = opened_on("own_model")
    assert not app.exception and ("cannot be opened" in said(app) or "No recorded run" in said(app))


def test_a_link_that_leads_out_of_the_folder_is_not_followed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = example(tmp_path_factory.mktemp("outside") / "secret.arrows")
    (folder / "secret.arrows").symlink_to(outside)
    (folder / "there").symlink_to(outside.parent)
    example(folder / "mine.arrows")
    assert element(opened_on("own_model"), "o_run").options == ["mine.arrows"]
