"""What no reader can stop stays short, however large the run that the limits allow."""

import pytest

from nncore import RunConfig, run
from nncore.config import cost
from nncore.measures import spread
from nncore.measures.spread import FEWEST, LONGEST_SECONDS, affordable
from nncore.theory.hidden_jacobian import spectrum_seconds
from nncore.theory.of_config import prediction_seconds

LARGEST = 512 * 2**20
"""Bytes that a history and a pass may take on the dashboard, unless its operator says otherwise."""

EXTREMES = {
    "wide": RunConfig(hidden=(2048,) * 2, n_samples=500, batch_size=4, steps=4),
    "deep": RunConfig(hidden=(128,) * 100, n_samples=500, batch_size=8, steps=15),
    "many rows": RunConfig(hidden=(256,) * 5, n_samples=20_000, batch_size=32, steps=30),
}


@pytest.mark.parametrize("config", EXTREMES.values(), ids=EXTREMES)
def test_pictures_and_theory_of_the_largest_runs_take_seconds(config: RunConfig) -> None:
    config.check_memory(LARGEST)
    assert cost.units_seconds(config) < 2
    assert prediction_seconds(config) < 5
    try:
        assert spectrum_seconds(config) < 2
    except ValueError as refused:
        assert "are allowed" in str(refused)


def test_a_chart_over_time_has_fewer_records_where_a_single_one_takes_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    history = run(RunConfig(hidden=(4,), n_samples=40, steps=60))
    for each, count in ((1e-9, len(history)), (0.1, FEWEST), (1.0, int(LONGEST_SECONDS)), (60.0, 2)):
        monkeypatch.setattr(spread, "seconds_per_record", lambda history, measure, each=each: each)
        assert len(affordable(history, "performance")) == count
