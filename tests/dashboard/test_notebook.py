"""history.plot and recorded.plot give the dashboard's own figures, under names that an error lists."""

import tempfile

import numpy as np
import pytest

from dashboard.charts import gradients
from dashboard.charts.style import DARK
from dashboard.notebook import OF_HISTORY, OF_RECORDED
from dashboard.views.own_model import charts as own_model
from nncore import RunConfig, measures, run
from nncore.recorders import measures as of_recorded
from nncore.recorders.example import example
from nncore.recorders.recorded import Recorded

HISTORY = run(RunConfig(hidden=(8,) * 3, activation="sigmoid", steps=12, n_samples=60))


@pytest.fixture
def recorded() -> Recorded:
    return Recorded.open(example(tempfile.mkdtemp() + "/run.arrows"))


@pytest.mark.parametrize("name", OF_HISTORY)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_chart_of_a_history_is_a_figure(name: str, dark: bool) -> None:
    figure = HISTORY.plot(name, step=6, dark=dark)
    assert figure.data and figure.layout.title.text.endswith("step 6")
    figure.to_json()


@pytest.mark.parametrize("name", OF_RECORDED)
def test_every_chart_of_a_recorded_run_is_a_figure(name: str, recorded: Recorded) -> None:
    figure = recorded.plot(name, step=10)
    assert figure.data and figure.layout.title.text.endswith("step 10")


def test_they_draw_what_the_pages_draw(recorded: Recorded) -> None:
    shown = HISTORY.plot("update ratio", step=6, dark=True)
    drawn = gradients.update_ratio(measures.over_time(HISTORY, ("update_ratio",)), DARK, 6)
    for one, other in zip(shown.data, drawn["data"], strict=True):
        np.testing.assert_array_equal(one.y, other["y"])
        assert one.line.color == other["line"]["color"]
    shown = recorded.plot("gradient flow", step=20, dark=True)
    drawn = own_model.flow(
        of_recorded.per_layer(recorded, ("delta_norm", "weight_gradient_norm"), [0, 2], [0, 1, 2]), DARK
    )
    for one, other in zip(shown.data, drawn["data"], strict=True):
        np.testing.assert_array_equal(one.y, other["y"])


def test_the_last_finite_record_is_shown_unless_a_step_is_given() -> None:
    assert HISTORY.plot().layout.title.text == "Gradient flow, step 12"
    assert HISTORY.plot(step=5000).layout.title.text == "Gradient flow, step 12"


def test_a_name_that_is_none_is_told_the_choices(recorded: Recorded) -> None:
    with pytest.raises(
        ValueError, match=r"chart must be one of gradient flow, loss, .*; got 'gradient flaw' \(did you"
    ):
        HISTORY.plot("gradient flaw")
    with pytest.raises(ValueError, match=r"chart must be one of gradient flow, loss, update ratio, .*; got 'signal'"):
        recorded.plot("signal")
