"""Taking a history away: rows and sizes said beforehand are near, what was left out is said, files read back."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.ui import downloads
from dashboard.ui.downloads import ALL, CHOICE, CHOSEN, EVERY_KTH, EVERY_STEP, KINDS, file_name
from dashboard.words.numbers import about_megabytes
from nncore import RunConfig, run
from nncore import measures as m
from nncore.history import SPREADSHEET_BYTES, SPREADSHEET_ROWS, csv
from nncore.history.untrusted import read_history
from tests.conftest import plots
from tests.dashboard.lab import SMALL, element, opened

BASE = RunConfig(dataset="moons", hidden=(6, 6, 6), steps=30, n_samples=60)
SMALL_CONFIG = {"depth": "2", "width": "4", "steps": "30", "n_samples": "40"}
"""A run of 31 recorded steps and 37 parameters in 3 layers."""


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, Callable[[], bytes]]]:
    """What the page has offered last under each label: (file name, what makes the file)."""
    found: dict[str, tuple[str, Callable[[], bytes]]] = {}
    real = st.download_button

    def button(label: str, data: Callable[[], bytes], file_name: str, mime: str, **options: object) -> bool:
        found[label.partition(" (")[0]] = (file_name, data)
        return real(label, data, file_name, mime, **options)

    monkeypatch.setattr(st, "download_button", button)
    return found


def said(app: AppTest) -> str:
    """The sentence above the button."""
    (text,) = [
        each.value
        for each in app.caption
        if "left out" in each.value.lower() or each.value.startswith(":material/block:")
    ]
    return text


def history_button(app: AppTest):
    (found,) = [each.proto for each in app.get("download_button") if each.proto.label.startswith("History, ")]
    return found


def choose(app: AppTest, **widgets: object) -> AppTest:
    for key, value in widgets.items():
        element(app, f"take_{key}").set_value(value).run()
        assert not app.exception
    return app


# The default ------------------------------------------------------------------------------------------------


def test_small_run_is_offered_whole_for_a_spreadsheet(offered) -> None:
    app = opened(**SMALL_CONFIG)
    assert said(app).startswith("1,147 rows, about ")
    assert said(app).endswith(": opens in a spreadsheet. Nothing is left out.")
    name, content = offered["History, CSV"]
    assert name == "circles_sigmoid_2x4_seed0.csv"
    assert len(content().splitlines()) == 1 + 31 * 37
    assert history_button(app).label == f"History, CSV ({about_megabytes(len(content()))})"


def test_first_sight_opens_in_a_spreadsheet_and_says_what_was_left_out(offered) -> None:
    app = opened()
    words = said(app)
    assert ": opens in a spreadsheet. Left out: " in words and "of 401 recorded steps (every " in words
    assert words.endswith("step.") and "It opens again here, as the run that records every " in words
    name, make = offered["History, CSV"]
    content = make()
    assert len(content) <= SPREADSHEET_BYTES
    assert content.count(b"\n") <= SPREADSHEET_ROWS
    again = read_history(io.BytesIO(content))
    assert f"_every{again.config.record_every}.csv" in name
    assert f"{again.theta.size:,} rows" in words
    choose(app, amount=ALL)
    assert "too long for a spreadsheet, which has 1,048,576 rows. Nothing is left out." in said(app)
    assert "MB)" in history_button(app).label and not history_button(app).disabled


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_reads_back_to_the_identical_history(kind: str, offered) -> None:
    app = choose(opened(**SMALL_CONFIG), kind=kind)
    name, make = offered[f"History, {KINDS[kind].label}"]
    assert name.endswith(f".{kind}")
    again = read_history(io.BytesIO(make()))
    history = run(again.config)
    for array in ("step", "loss", "theta", "grad", "update_norm"):
        np.testing.assert_array_equal(getattr(again, array), getattr(history, array))
    assert "Nothing is left out." in said(app)


# What one chooses -------------------------------------------------------------------------------------------


def test_steps_layers_and_values_are_chosen_and_said(offered) -> None:
    app = choose(opened(**SMALL_CONFIG), amount=CHOICE, every=10)
    assert "Left out: 27 of 31 recorded steps (every 10th is in it)." in said(app)
    assert "It opens again here, as the run that records every 10th step." in said(app)
    assert read_history(io.BytesIO(offered["History, CSV"][1]())).step.tolist() == [0, 10, 20, 30]

    choose(app, steps=CHOSEN)
    assert element(app, "take_these").value == "30", "the step that is shown"
    choose(app, these="0, 5-7", layers=[1, 3], columns="θ", kind="zip")
    assert "Left out: 27 of 31 recorded steps; layer 2 of 3; the gradient." in said(app)
    assert "a whole history is what opens again here" in said(app)
    name, make = offered["History, CSV, zip"]
    assert name.endswith("_part.zip")
    table = pd.read_csv(io.BytesIO(make()), compression="zip")
    assert sorted(set(table["step"])) == [0, 5, 6, 7] and set(table["layer"]) == {1, 3}
    assert "gradient" not in table
    assert said(app).startswith(f"{len(table):,} rows, ")
    with pytest.raises(ValueError, match="this is a part of a history, 4 of 31 recorded steps, layers 1 and 3 of 3"):
        read_history(io.BytesIO(make()))

    choose(app, steps=EVERY_STEP, layers=[], columns="θ and gradient")
    assert "Nothing is left out." in said(app)


@pytest.mark.parametrize(
    ("widgets", "sentence"),
    [
        ({"steps": CHOSEN, "these": "0, x"}, "Steps must be whole numbers with commas, such as 0, 10, 20-30; got 'x'."),
        ({"steps": CHOSEN, "these": "99"}, "Steps go from 0 to 30; there is no 99."),
        (
            {"layers": [2], "kind": "parquet"},
            "Parquet holds whole histories, and this is 16 of 31 recorded steps, layer 2",
        ),
    ],
)
def test_what_there_is_not_is_one_sentence_and_no_button(widgets: dict[str, object], sentence: str) -> None:
    app = choose(opened(**SMALL_CONFIG), amount=CHOICE, **widgets)
    assert said(app).startswith(f":material/block: {sentence}")
    assert not [each for each in app.get("download_button") if each.proto.label.startswith("History, ")]


def test_every_kth_starts_with_what_a_spreadsheet_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "SPREADSHEET_ROWS", 10 * 37)
    app = choose(opened(**SMALL_CONFIG, seed="5"), amount=CHOICE)
    assert element(app, "take_steps").value == EVERY_KTH
    assert element(app, "take_every").value == 4, "9 records: steps 0, 4, ..., 28 and 30"


def test_network_of_which_no_layer_fits_a_spreadsheet_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "SPREADSHEET_ROWS", 3)
    app = opened(**SMALL_CONFIG, seed="6")
    assert said(app) == ":material/block: Not even one layer at one step of this network fits a spreadsheet."
    assert "Nothing is left out." in said(choose(app, amount=ALL))


# Sizes ------------------------------------------------------------------------------------------------------

RUNS = {
    "plain": {},
    "relu": {"activation": "relu"},
    "no test rows": {"activation": "linear", "test_fraction": 0},
    "regression": {"dataset": "diabetes"},
    "linear": {"hidden": ()},
    "float32": {"dtype": "float32"},
    "deep": {"activation": "sigmoid", "hidden": (4,) * 30},
    "no step": {"steps": 0},
}


@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_size_of_the_summary_is_told_nearly(changes: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = {}
    monkeypatch.setattr(
        downloads, "_button", lambda label, name, mime, size, write: noted.update({label: (size, write)})
    )

    class Finished:
        history = run(BASE.replace(**changes))

    downloads._summary(Finished())
    size, write = noted["Summary, CSV"]
    target, expected = io.BytesIO(), io.BytesIO()
    write(target)
    m.summary(Finished.history).to_csv(expected)
    assert target.getvalue() == expected.getvalue()
    assert abs(size - len(target.getvalue())) < 0.3 * len(target.getvalue()) + 1500


def test_page_offers_two_files_and_a_csv_of_every_chart() -> None:
    app = opened(**SMALL)
    labels = [button.label for button in app.get("download_button")]
    sized = [label.partition(" (about")[0] for label in labels if "(about" in label]
    assert sized == ["History, CSV", "Summary, CSV"]
    assert labels.count("CSV") == len(plots(app)) + 2 >= 15  # the network and the table by name are no plots


def test_file_too_large_for_a_browser_is_not_offered_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "LARGEST_FILE", 10_000)
    app = opened(**SMALL)
    offered = {b.label.partition(" (")[0]: b.proto for b in app.get("download_button") if b.label != "CSV"}
    assert offered["History, CSV"].disabled
    assert "too large" in offered["History, CSV"].help
    assert "Record every" in offered["History, CSV"].help
    assert not offered["Summary, CSV"].disabled


def test_a_file_that_cannot_be_written_says_why_inside(offered, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(downloads, "write_csv", full)
    opened(**SMALL_CONFIG)
    assert offered["History, CSV"][1]() == b"The file could not be written: no space.\n"


@pytest.mark.parametrize(
    ("size", "words"),
    [(10, "about 1 KB"), (340 * 2**10, "about 340 KB"), (12 * 2**20, "about 12 MB"), (2**31, "about 2,048 MB")],
)
def test_sizes_are_said_for_people(size: int, words: str) -> None:
    assert about_megabytes(size) == words


def test_file_names_tell_runs_apart() -> None:
    assert file_name(BASE) == "moons_tanh_3x6_seed0"
    assert file_name(BASE.replace(hidden=())) == "moons_tanh_linear_seed0"
    assert file_name(BASE.replace(activation=("tanh", "relu", "tanh"))) == "moons_mixed_3x6_seed0"


def test_code_of_the_shown_run_is_offered_for_both_libraries() -> None:
    app = opened(**SMALL, activation="relu", clip_norm="0.5")
    shown = {code.language: code.value for code in app.code}
    assert set(shown) == {"python"}
    nncore_code, torch_code = (code.value for code in app.code)
    assert 'activation="relu"' in nncore_code and "nncore.run(config)" in nncore_code
    assert "F.relu(z)" in torch_code and "clip_grad_norm_" in torch_code
