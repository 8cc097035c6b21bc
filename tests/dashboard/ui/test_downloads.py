"""The whole history to take away: sizes said beforehand are near, files read back, what is too large says so."""

import io
import re

import numpy as np
import pytest

from dashboard.ui import downloads
from dashboard.ui.downloads import file_name
from dashboard.words.numbers import about_megabytes
from nncore import History, RunConfig, run
from nncore import measures as m
from tests.conftest import plots
from tests.dashboard.lab import SMALL, opened

BASE = RunConfig(dataset="moons", hidden=(6, 6, 6), steps=30, n_samples=60)


@pytest.fixture
def buttons(monkeypatch: pytest.MonkeyPatch):
    """What `show` would offer for a config: label -> (size said, the file's bytes)."""

    class Finished:
        def __init__(self, config: RunConfig) -> None:
            self.history = run(config)

        def measured(self, function, *arguments):
            return function(self.history, *arguments)

    def offered(config: RunConfig) -> dict[str, tuple[int, bytes]]:
        found = {}

        def note(label, name, mime, size, write):
            target = io.BytesIO()
            write(target)
            found[label] = (size, target.getvalue())

        monkeypatch.setattr(downloads, "_button", note)
        downloads.show(Finished(config))
        return found

    return offered


KINDS = {
    "plain": {},
    "relu": {"activation": "relu"},
    "no test rows": {"activation": "linear", "test_fraction": 0},
    "regression": {"dataset": "diabetes"},
    "linear": {"hidden": ()},
    "float32": {"dtype": "float32"},
    "deep": {"activation": "sigmoid", "hidden": (4,) * 30},
    "no step": {"steps": 0},
}


@pytest.mark.parametrize("changes", KINDS.values(), ids=KINDS)
def test_sizes_said_beforehand_are_near(changes: dict, buttons) -> None:
    for label, (said, content) in buttons(BASE.replace(**changes)).items():
        assert abs(said - len(content)) < 0.3 * len(content) + 1500, label


def test_files_read_back_to_the_identical_history(buttons) -> None:
    history, found = run(BASE), buttons(BASE)
    for label, read in (("History, CSV", History.from_csv), ("History, Parquet", History.from_parquet)):
        again = read(io.BytesIO(found[label][1]))
        assert again.config == BASE
        for name in ("step", "loss", "theta", "grad", "update_norm"):
            np.testing.assert_array_equal(getattr(again, name), getattr(history, name))


def test_summary_is_the_summary(buttons) -> None:
    target = io.BytesIO()
    m.summary(run(BASE)).to_csv(target)
    assert buttons(BASE)["Summary, CSV"][1] == target.getvalue()


def test_page_offers_three_files_and_a_csv_of_every_chart() -> None:
    app = opened(**SMALL)
    labels = [button.label for button in app.get("download_button")]
    sizes = [re.fullmatch(r"(.*) \(about ([\d,]+) (KB|MB)\)", label) for label in labels if label != "CSV"]
    assert [match[1] for match in sizes if match] == ["History, CSV", "History, Parquet", "Summary, CSV"]
    assert labels.count("CSV") == len(plots(app)) + 1 >= 14  # the network is no plot


def test_file_too_large_for_a_browser_is_not_offered_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "LARGEST_FILE", 10_000)
    app = opened(**SMALL)
    offered = {b.label.partition(" (")[0]: b.proto for b in app.get("download_button") if b.label != "CSV"}
    assert offered["History, CSV"].disabled
    assert "too large" in offered["History, CSV"].help
    assert "Record every" in offered["History, CSV"].help
    assert not offered["Summary, CSV"].disabled


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
