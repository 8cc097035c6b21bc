"""What a measure is said to do at a record is what it does: passes are counted, not timed."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nncore import MLP, History, RunConfig, measures, run
from nncore.config.cost import pass_seconds
from nncore.measures import landscape
from nncore.measures.passes import PASSES, seconds_per_record
from nncore.measures.spread import LONGEST_SECONDS, SECONDS, affordable

CONFIG = RunConfig(hidden=(8, 8), n_samples=400, test_fraction=0.25, steps=6)

CALLED: dict[str, Callable[[History], object]] = {
    "loss_at": lambda history: landscape.loss_at(
        history, history.theta[0], np.ones((1, history.layout.n_params)), np.linspace(0, 1, len(history))[:, None]
    )
}
"""How a measure is called that is not one of `measures` with a history alone."""


@pytest.mark.parametrize("measure", PASSES)
def test_a_measure_makes_the_passes_that_its_estimate_counts(measure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    history, passed = run(CONFIG), Counter[str]()

    def counting(name: str, rows: Callable[..., int]) -> None:
        own = getattr(MLP, name)

        def counted(self: MLP, theta: np.ndarray, *arguments: Any, **more: Any) -> Any:
            passed[name] += len(theta) * rows(*arguments)
            return own(self, theta, *arguments, **more)

        monkeypatch.setattr(MLP, name, counted)

    counting("forward", lambda x, *_: len(x))
    counting("backward", lambda tape, *_: tape.z[-1].shape[-2])
    CALLED.get(measure, lambda history: getattr(measures, measure)(history))(history)
    said, rows, probe = PASSES[measure], CONFIG.n_samples, len(history.probe_x)
    assert probe < CONFIG.n_train
    assert passed["forward"] == len(history) * (said.forward * rows + said.probe_forward * probe)
    assert passed["backward"] == len(history) * said.probe_backward * probe


def test_all_quantities_are_taken_where_it_is_counted_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []
    own = measures.layers.measured
    monkeypatch.setattr(measures.layers, "measured", lambda block, names: asked.append({*names}) or own(block, names))
    measures.summary(run(CONFIG))
    assert asked == PASSES["summary"].quantities * [{*measures.LAYER_QUANTITIES}]


def test_the_way_forward_is_a_third_of_the_way_forward_and_back() -> None:
    forward, backward = pass_seconds(CONFIG, 1, 0), pass_seconds(CONFIG, 0, 1)
    assert forward == pytest.approx(pass_seconds(CONFIG) / 3)
    assert forward + backward == pytest.approx(pass_seconds(CONFIG))
    assert pass_seconds(CONFIG, 3, 0) == pytest.approx(3 * forward)


@pytest.mark.parametrize("measure", PASSES)
@pytest.mark.parametrize("changes", [{"hidden": (8,) * 5}, {"hidden": (64, 64)}, {"n_samples": 2000}], ids=str)
def test_more_of_anything_takes_longer_at_a_record(measure: str, changes: dict[str, Any]) -> None:
    if measure == "loss_at" and "n_samples" in changes:
        changes = {"probe_size": 300}
    small, large = run(CONFIG.replace(steps=1)), run(CONFIG.replace(steps=1, **changes))
    assert seconds_per_record(large, measure) > seconds_per_record(small, measure)


def test_records_that_share_a_block_share_what_a_layer_costs() -> None:
    assert pass_seconds(CONFIG, at_once=50) < pass_seconds(CONFIG)
    tiny = run(RunConfig(hidden=(2,), n_samples=20, steps=2))
    assert seconds_per_record(tiny, "performance") < pass_seconds(tiny.config, 1, 0) / 2


@pytest.mark.parametrize("measure", ["performance", "summary"])
def test_records_on_many_rows_are_as_many_as_their_time_allows(measure: str) -> None:
    many = run(RunConfig(hidden=(64,) * 3, n_samples=20_000, steps=300, batch_size=4, record_every=2))
    records, each = affordable(many, measure), seconds_per_record(many, measure)
    assert len(records) * each <= max(SECONDS, LONGEST_SECONDS) and records[-1] == len(many) - 1
