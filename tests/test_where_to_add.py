"""Each row of the README's "Where to add things", done in a copy of the project: what is added appears where it should."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[1]

APP = """
from pathlib import Path
from streamlit.testing.v1 import AppTest

def opened(address="lab", **query):
    app = AppTest.from_file(Path.cwd() / "dashboard" / "app.py", default_timeout=300)
    for name, value in {"depth": "2", "width": "4", "steps": "4", "n_samples": "40", **query}.items():
        app.query_params[name] = value
    for group in ("data", "network", "initialization", "training"):
        app.session_state[f"more_{group}"] = True  # unfolded
    app.run()
    if address != "lab":
        app.switch_page(f"views/{address}/page.py").run()
    assert not app.exception, app.exception
    return app

def words(app):
    return " ".join(str(each.value) for kind in (app.title, app.markdown, app.caption) for each in kind) + str(app.main)
"""
"""What a check of the dashboard begins with: its page after the first run, a small network in the address."""

SMALL = "nncore.RunConfig(hidden=(4, 4), steps=5, n_samples=40)"


@dataclass(frozen=True)
class Addition:
    """What is added: (file, the text that it is put before, text) each, and a program that finds it everywhere."""

    edits: Sequence[tuple[str, str, str]]
    check: str


ADDITIONS = {
    "an activation": Addition(
        [
            (
                "nncore/model/activations.py",
                "ACTIVATIONS = Activations(",
                '_ENTRIES += (Activation(name="sine", phi=np.sin, dphi=np.cos, latex=r"\\sin z"),)\n\n',
            )
        ],
        f"""{APP}
import nncore
from nncore import command
assert nncore.run({SMALL}.replace(activation="sine")).loss[-1] < 1
assert command.main(["run", "--activation", "sine", "--hidden", "4", "--steps", "2"]) == 0
app = opened(activation="sine")
assert "sine" in app.selectbox(key="activation").options and app.selectbox(key="activation").value == "sine"
""",
    ),
    "an initializer": Addition(
        [
            (
                "nncore/model/initializers.py",
                "class Initializers(",
                '_ENTRIES += (_normal("tenth", lambda fan_in, fan_out, scale: 0.1, r"\\sigma_W = 0.1", "For a test."),)\n\n',
            )
        ],
        f"""{APP}
import nncore
from nncore.theory import predict_config
config = {SMALL}.replace(init="tenth")
assert nncore.run(config).loss[-1] < 1 and predict_config(config).q.all()
assert opened(init="tenth").selectbox(key="init").value == "tenth"
""",
    ),
    "a loss": Addition(
        [
            (
                "nncore/model/losses.py",
                "class Losses(",
                "class HalfSquaredError(MeanSquaredError):\n"
                '    """Half of the mean squared error."""\n\n'
                '    name = "half_mse"\n\n'
                "    def value_and_delta(self, z_out, y, out=None):\n"
                "        value, delta = super().value_and_delta(z_out, y, out=out)\n"
                "        delta *= 0.5\n"
                "        return value / 2, delta\n\n\n",
            ),
            ("nncore/model/losses.py", "CrossEntropy())}", "HalfSquaredError(), "),
        ],
        f"""{APP}
import nncore
network, loss = nncore.MLP(nncore.Layout((1, 2, 1)), "tanh"), nncore.LOSSES["half_mse"]
import numpy as np
nncore.check_gradient(network, loss, np.linspace(-1, 1, 7), np.array([[0.5], [1.0]]), np.array([[1.0], [2.0]]))
assert "half_mse" in opened().selectbox(key="loss").options
""",
    ),
    "an optimizer": Addition(
        [
            (
                "nncore/model/optimizers.py",
                "def step_decay(",
                "def half_sgd(learning_rate: float) -> Optimizer:\n"
                '    """Gradient descent at half the learning rate."""\n'
                "    return sgd(learning_rate / 2)\n\n\n"
                'OPTIMIZERS["half_sgd"] = half_sgd\n\n\n',
            )
        ],
        f"""{APP}
import nncore
config = {SMALL}
half = nncore.run(config.replace(optimizer="half_sgd", learning_rate=0.2))
assert half.theta.tobytes() == nncore.run(config.replace(learning_rate=0.1)).theta.tobytes()
assert opened(optimizer="half_sgd").selectbox(key="optimizer").value == "half_sgd"
""",
    ),
    "a data set": Addition(
        [
            (
                "nncore/data/registry.py",
                "def load(",
                'DATASETS["twins"] = replace(DATASETS["moons"], name="twins")\n\n\n',
            ),
            ("nncore/data/registry.py", "import numpy as np\n", "from dataclasses import replace\n\n"),
        ],
        f"""{APP}
import nncore
assert nncore.run({SMALL}.replace(dataset="twins")).loss[-1] < 1
assert opened(dataset="twins").selectbox(key="dataset").value == "twins"
""",
    ),
    "a quantity per layer": Addition(
        [
            (
                "nncore/measures/quantities.py",
                '@_quantity("δ RMS"',
                '@_quantity("largest δ", "max |δ|", menu="max δ", note="The largest entry of δ.")\n'
                "def delta_max(layer: LayerView) -> Array:\n"
                '    """The largest |δ| of a layer over units and probe rows."""\n'
                "    return np.abs(layer.delta).max(axis=-1)\n\n\n",
            )
        ],
        f"""{APP}
import nncore
from nncore import command, measures
from nncore.measures import LAYER_QUANTITIES
history = nncore.run({SMALL})
assert measures.per_layer(history, "delta_max", [0])["delta_max"].shape == (1, 3)
app = opened(heat="max δ")
maps = [each for each in app.get("button_group") if "max δ" in each.options]
assert len(maps) == 1 and maps[0].value == "delta_max"
assert "The largest entry of δ." in words(app)
""",
    ),
    "a quantity over two successive records": Addition(
        [
            (
                "nncore/measures/quantities.py",
                '@_quantity("δ RMS"',
                '@_quantity("growth of δ", "‖δ‖/‖δ‖", records=2, menu="δ growth", note="Above 1, δ has grown.")\n'
                "def delta_growth(before: LayerView, layer: LayerView) -> Array:\n"
                '    """δ norm over that of the record before."""\n'
                "    return delta_norm.of(layer) / delta_norm.of(before)\n\n\n",
            )
        ],
        f"""{APP}
import nncore
import numpy as np
from nncore import measures
history = nncore.run({SMALL})
norms = measures.over_time(history, ("delta_norm", "delta_growth"))
np.testing.assert_allclose(norms["delta_growth"][1:], norms["delta_norm"][1:] / norms["delta_norm"][:-1])
assert np.isnan(norms["delta_growth"][0]).all()
app = opened(heat="δ growth")
assert any("δ growth" in each.options for each in app.get("button_group"))
assert "Above 1, δ has grown." in words(app)
""",
    ),
    "a rule": Addition(
        [
            (
                "nncore/diagnosis/rules/gradient.py",
                "# Words ----",
                "@rule(\n"
                '    "Loss above zero", "loss", 0.0, True, 3, "loss", "For a test: every loss is."\n'
                ")\n"
                "def positive_loss(seen: Snapshot) -> Finding:\n"
                '    """The loss at this record; wrong above 0."""\n'
                "    loss = float(seen.history.loss[seen.record])\n"
                '    return Finding(loss, (), f"The loss is {loss:.2g}.")\n\n\n',
            )
        ],
        f"""{APP}
import contextlib, io
import nncore
from nncore import command
from nncore.diagnosis import verdict
assert verdict(nncore.run({SMALL}))[0].rule == "positive_loss"
with contextlib.redirect_stdout(io.StringIO()) as printed:
    command.main(["run", "--hidden", "4", "--steps", "2"])
assert "Loss above zero" in printed.getvalue()
history = nncore.run(nncore.RunConfig(hidden=(4, 4), steps=5, n_samples=40))
from nncore.diagnosis import remedies_for
remedies_for(verdict(history)[0], history)
assert "loss above zero" in words(opened())
""",
    ),
    "a chart": Addition(
        [
            (
                "dashboard/charts/loss.py",
                "LOSS = Text(",
                'STEPS = Text("Steps so far", "for a test", "A line that rises.")\n\n\n'
                "def steps_so_far(measured: Measurement, style: Style) -> Figure:\n"
                '    """The steps themselves."""\n'
                '    steps = measured.axes["step"]\n'
                '    return {"data": [line(steps, steps, "steps", style.delta)], "layout": style.layout("steps_so_far")}\n\n\n',
            ),
            (
                "dashboard/views/lab/page.py",
                "    losses, *middle, norms =",
                '    card.show("steps", loss.STEPS, training.measured(over_time), loss.steps_so_far(training.measured(over_time), look))\n',
            ),
        ],
        f"""{APP}
app = opened()
assert "Steps so far" in words(app) and "A line that rises." in words(app)
import json
charts = [json.loads(each.proto.json)["key"] for each in app.get("bidi_component")
          if each.proto.component_name == "nncore_plot"]
assert "chart_steps" in charts
assert any(button.key and "steps" in button.key for button in app.get("download_button")), "its CSV"
""",
    ),
    "a chart of a notebook": Addition(
        [
            (
                "dashboard/notebook.py",
                "OF_HISTORY: dict",
                "def _theta_norm(history: History, record: int, style: Style) -> Figure:\n"
                "    norm = np.linalg.norm(history.theta, axis=1)\n"
                '    return {"data": [{"x": history.step, "y": norm}], "layout": style.layout("theta_norm")}\n\n\n',
            ),
            ("dashboard/notebook.py", '    "signal": _signal,', '    "norm of theta": _theta_norm,\n'),
            (
                "dashboard/notebook.py",
                "OVER_TRAINING = (",
                "def _passes(recorded: Recorded, record: int, style: Style) -> Figure:\n"
                '    return {"data": [{"y": recorded.passes()[record]}], "layout": style.layout("passes")}\n\n\n',
            ),
            ("dashboard/notebook.py", '    "loss": _recorded_loss,', '    "passes": _passes,\n'),
        ],
        f"""
import tempfile
import numpy as np
import nncore
from nncore.recorders import Recorded
from nncore.recorders.example import example
history = nncore.run({SMALL})
figure = history.plot("norm of theta", step=3)
np.testing.assert_array_equal(figure.data[0].y, np.linalg.norm(history.theta, axis=1))
assert figure.layout.title.text == "Norm of theta, step 3"
recorded = Recorded.open(example(tempfile.mkdtemp() + "/run.arrows"))
assert recorded.plot("passes", step=10).layout.title.text == "Passes, step 10"
""",
    ),
    "a question of the lab": Addition(
        [
            (
                "dashboard/views/lab/questions.py",
                '    StudentQuestion(\n        "How do I work out one gradient by hand?"',
                '    StudentQuestion("Is this a test?", "Yes: of one entry.", LAB, "card_flow", {"depth": "3"}),\n',
            )
        ],
        f"""{APP}
app = opened()
app.selectbox(key="question").set_value(
    next(each for each in app.selectbox(key="question").options if "Is this a test?" in each)
).run()
assert not app.exception and "Yes: of one entry." in words(app)
app.button(key="show_here").click().run()
assert not app.exception and app.slider(key="depth").value == 3
""",
    ),
    "a page": Addition(
        [
            (
                "dashboard/views/hello/page.py",
                "",
                '"""Hello: a page for a test."""\n\nimport streamlit as st\n\nst.title("Hello")\n',
            ),
            (
                "dashboard/app.py",
                '            page("neurons/page.py"',
                '            page("hello/page.py", "hello", "Hello", "waving_hand"),\n',
            ),
        ],
        f"""{APP}
assert "Hello" in words(opened("hello"))
""",
    ),
    "a hyperparameter": Addition(
        [
            (
                "nncore/config/settings.py",
                "    seed: int = setting(",
                '    patience: int = setting(3, "training", "Nothing yet.", low=1, high=9, whole=True)\n',
            ),
            ("dashboard/words/labels.py", '    "seed": "Seed",', '    "patience": "Patience",\n'),
            (
                "dashboard/state/sidebar.py",
                '        Control("seed"',
                '        Control("patience", "Seen nowhere.", _number),\n',
            ),
        ],
        f"""{APP}
import contextlib, io
import nncore
from nncore import command
assert {SMALL}.replace(patience=5).patience == 5
assert command.main(["run", "--patience", "5", "--hidden", "4", "--steps", "2"]) == 0
app = opened(patience="5")
assert app.number_input(key="patience").value == 5 and app.number_input(key="patience").label == "Patience"
""",
    ),
    "an experiment": Addition(
        [
            (
                "nncore/experiments/claims.py",
                "# What the claims speak of",
                "def wide(run: Snapshot, other: Snapshot) -> bool:\n"
                '    """The first run has the wider layers."""\n'
                "    return run.history.config.hidden > other.history.config.hidden\n\n\n",
            ),
            (
                "nncore/experiments/entries.py",
                '        Experiment(\n            "two_units"',
                "        Experiment(\n"
                '            "wide", "units", "Wide and narrow", "One is wide.", "Look.", SMALL_TANH, "wide",\n'
                '            SMALL_TANH.replace(hidden=(4,) * 3), "narrow", ("flow",), 0, ("delta_norm",), claims.wide,\n'
                "        ),\n",
            ),
        ],
        f"""{APP}
import nncore
from dashboard.views.experiments import pictures
from nncore.experiments import EXPERIMENTS
wide = EXPERIMENTS["wide"]
run, other = nncore.run(wide.config), nncore.run(wide.against)
assert wide.holds(run, other) and not wide.holds(other, run)
pictures.stored()["wide"] = pictures.measured(wide)
assert "Wide and narrow" in words(opened("experiments"))
""",
    ),
    "an axis of sweeps": Addition(
        [
            (
                "nncore/sweep/axes.py",
                '        NamedAxis(\n            "sigma_w2"',
                '        NamedAxis("decades", "init_scale 10^-decades.", frozenset({"init", "init_scale"}), 0, 9, False,\n'
                '                  lambda hidden, decades: {"init": "normal", "init_scale": 10.0**-decades},\n'
                "                  lambda config: math.nan),\n",
            )
        ],
        """
import tempfile
from nncore import command
from nncore.sweep import axis_names, table
assert "decades" in axis_names()
with tempfile.TemporaryDirectory() as folder:
    assert command.main(["sweep", folder + "/s", "--grid", "decades=0,2", "--hidden", "4", "--steps", "0"]) == 0
    assert sorted(table(folder + "/s")["decades"].to_pylist()) == [0, 2]
""",
    ),
}

ELSEWHERE = {"a kind of background work": "tests/dashboard/jobs/test_progress.py"}
"""Rows that another file proves."""


@pytest.mark.parametrize("what", ADDITIONS)
def test_what_is_added_as_the_readme_says_appears_where_it_should(what: str, tmp_path: Path) -> None:
    for folder in ("nncore", "dashboard", ".streamlit"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.min.js"))
    for file, before, text in ADDITIONS[what].edits:
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        assert old.count(before) == 1 or not old, f"{before!r} stands {old.count(before)} times in {file}"
        path.write_text(old.replace(before, text + before) if old else text, encoding="utf-8")
    program = [sys.executable, "-c", ADDITIONS[what].check]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        program, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_every_row_of_the_readme_is_proved() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme[readme.index("## Where to add things") :]
    rows = re.findall(r"^\| (an? [^|]+?) \| ", section[: section.index("\n## ") if "\n## " in section else None], re.M)
    assert rows and set(rows) == ADDITIONS.keys() | ELSEWHERE.keys()
    assert all((ROOT / file).exists() for file in ELSEWHERE.values())
    touched = {path for addition in ADDITIONS.values() for path, _, _ in addition.edits}
    assert not {path for path in touched if path.startswith("nncore") and path not in section}
