"""The 1-2-1 network's way back: its numbers are the backward pass's, and each stage has its words and its parts."""

import numpy as np
import pytest

from dashboard.charts.style import LIGHT
from dashboard.views.lecture.charts_network import STAGE_OF, network
from dashboard.views.lecture.network import stages, way_back
from dashboard.views.lecture.worked_example import EXAMPLE_THETA, MSE
from nncore import MLP
from nncore.lecture.chain import output_slopes
from nncore.lecture.models import ONE_TWO_ONE, forward

THETA, X, Y = np.array(EXAMPLE_THETA), 1.0, 1.0


def test_it_is_half_the_gradient_of_the_samples_squared_error() -> None:
    mlp, x, y = MLP(ONE_TWO_ONE, "sigmoid"), np.array([[X]]), np.array([[Y]])
    back = way_back(Y, forward(THETA, np.array(X)), output_slopes(mlp, THETA, x)[0])
    tape = mlp.forward(THETA, x)
    gradient, deltas = mlp.backward(THETA, tape, MSE.delta(tape.z[-1], y))
    np.testing.assert_allclose(2 * back.gradient, gradient, rtol=1e-12)
    np.testing.assert_allclose(2 * np.array(back.hidden), deltas[0][0], rtol=1e-12)
    assert 2 * back.delta == pytest.approx(float(deltas[1][0, 0]))


def test_every_stage_has_a_sentence_and_something_to_show() -> None:
    seen = forward(THETA, np.array(X))
    back = way_back(Y, seen, output_slopes(MLP(ONE_TWO_ONE, "sigmoid"), THETA, np.array([[X]]))[0])
    said = stages(THETA, X, seen, back)
    drawn = network(THETA, X, seen, LIGHT, back)
    for number in range(1, len(said) + 1):
        assert f'data-stage="{number}"' in drawn
    assert max(STAGE_OF) == len(said)
    assert "δ12 = Δ θ6 φ′(U12) = −0.4606 · (−0.6) · 0.2288 = 0.06323" in said[2]
    assert "data-stage" not in network(THETA, X, seen, LIGHT)
