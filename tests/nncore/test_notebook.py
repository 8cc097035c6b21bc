"""What a notebook shows of a thing is short, true and markup of our own alone."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import nncore
from nncore import Fork, History, Measurement, RunConfig, fit, measures, run
from nncore.data.table import TableNotHere
from nncore.diagnosis import verdict
from nncore.diagnosis.recorded_run import recorded_verdict
from nncore.display.card import card, curve
from nncore.notebook import html
from nncore.recorders.example import example
from nncore.recorders.recorded import Recorded
from nncore.seeds import SeedRuns, run_seeds

DEEP = RunConfig(hidden=(8,) * 12, activation="sigmoid", steps=20, n_samples=60)
SOUND = RunConfig(hidden=(16,) * 2, steps=200, learning_rate=0.5)


def recorded() -> Recorded:
    return Recorded.open(example(tempfile.mkdtemp() + "/run.arrows"))


THINGS: dict[str, Callable[[], Any]] = {
    "config": lambda: DEEP,
    "fork": lambda: Fork(DEEP, at=5, learning_rate=0.5, edits=nncore.edits_from_text("W2 * 0.5")),
    "history": lambda: run(DEEP),
    "measurement": lambda: measures.summary(run(DEEP)),
    "verdicts": lambda: verdict(run(DEEP)),
    "no verdict": lambda: verdict(run(SOUND)),
    "seeds": lambda: run_seeds(SeedRuns(DEEP, 2)),
    "recorded": recorded,
    "recorded verdicts": lambda: recorded_verdict(recorded()),
    "network": lambda: DEEP.network(),
    "data": lambda: DEEP.data(),
}


@pytest.mark.parametrize("name", THINGS)
def test_a_terminal_shows_a_few_lines(name: str) -> None:
    lines = repr(THINGS[name]()).splitlines()
    assert 1 <= len(lines) <= 9 and max(map(len, lines)) < 400


class Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += f"{data}\n"


def read(text: str) -> str:
    parser = Balanced()
    parser.feed(text)
    parser.close()
    assert not parser.open
    return parser.words


@pytest.mark.parametrize("name", sorted(THINGS.keys() - {"network", "data"}))
def test_a_notebook_shows_a_card(name: str) -> None:
    shown = THINGS[name]()._repr_html_()
    assert read(shown) and len(shown) < 10_000


def test_a_config_is_the_call_that_makes_it() -> None:
    for config in (RunConfig(), DEEP, SOUND, DEEP.replace(hidden=(3, 4), activation=("relu", "tanh"), clip_norm=1.0)):
        assert eval(repr(config), {"RunConfig": RunConfig}) == config
    fork = THINGS["fork"]()
    assert eval(repr(fork), {name: getattr(nncore, name) for name in nncore.__all__}) == fork
    assert repr(RunConfig()) == "RunConfig()"


def test_the_card_of_a_run_says_what_differs_how_it_ended_and_what_is_wrong() -> None:
    said = read(html(run(DEEP)))
    for words in ("hidden 8x12", "activation sigmoid", "Finished at step 20.", "Gradients vanish:", "loss: 0."):
        assert words in said
    assert "Nothing wrong was found." in read(html(run(SOUND)))
    stopped = run(DEEP, cancelled=lambda: True)
    assert "Stopped by hand at step 0 of 20." in repr(stopped) and "Stopped by hand" in read(html(stopped))


def test_a_run_that_diverged_says_so() -> None:
    history = run(DEEP.replace(activation="relu", init="he_normal", learning_rate=1e5, loss="mse"))
    assert history.divergence and history.divergence.title in repr(history)
    assert history.divergence.title in read(html(history))


def test_a_run_whose_rows_are_elsewhere_has_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    rng = np.random.default_rng(3)
    x, file = rng.normal(size=(30, 2)), io.BytesIO()
    fit(x, x[:, 0], hidden=(3,), steps=2).to_parquet(file)
    monkeypatch.setattr(nncore.data.table, "_ALIVE", {})
    file.seek(0)
    history = History.from_parquet(file)
    with pytest.raises(TableNotHere):
        history.config.data()
    assert "its own table are not here" in read(html(history))


def test_what_others_wrote_stays_text() -> None:
    evil = "<script>alert(1)</script>"
    measured = Measurement(evil, {"step": np.arange(3)}, {evil: np.arange(3.0)}, caveats=(evil,))
    for shown in (html(measured), card(evil, [evil]), curve([1.0, 2.0], evil)):
        assert "<script" not in shown and "&lt;script" in shown


def test_a_curve_of_nothing_is_nothing_and_gaps_stay_gaps() -> None:
    assert curve([], "x") == curve([1.0], "x") == curve([np.nan, np.nan, 1.0], "x") == ""
    assert curve([1.0, np.nan, 2.0, 3.0], "x").count("M") == 2
    assert "(log)" in curve([1e-9, 1.0], "x") and "(log)" not in curve([0.0, 1.0], "x")


def test_a_thing_without_a_card_is_said() -> None:
    with pytest.raises(TypeError, match="there is no card for int"):
        html(3)


def test_a_plot_without_plotly_says_what_to_install() -> None:
    code = """
import sys
sys.modules["plotly"] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "plotly" else found(name)
import nncore
try:
    nncore.run(nncore.RunConfig(hidden=(2,), steps=1)).plot()
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "a chart needs Plotly: pip install 'nncore[plot]'\n", done.stderr
