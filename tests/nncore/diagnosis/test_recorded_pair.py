"""Two recorded runs in words: what differs, what became of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from nncore.diagnosis.recorded_pair import differences, outcome
from nncore.recorders import Recorded, Unit
from nncore.recorders.example import example


@pytest.fixture
def before(tmp_path: Path) -> Recorded:
    return Recorded.open(example(tmp_path / "before.arrows", n_blocks=5, factor=0.1))


def changed(path: Path, **facts: object) -> Recorded:
    """The run of `before` with other facts of the modules act."""
    found = Recorded.open(example(path, n_blocks=5, factor=0.1))

    def other(unit: Unit) -> Unit:
        return replace(unit, **facts) if unit.kind == "act" and unit.role == "module" else unit

    found._header = replace(found.header, units=tuple(map(other, found.header.units)))
    found._forget()
    return found


def test_a_run_does_not_differ_from_itself(before: Recorded) -> None:
    assert differences(before, before) == ()
    assert outcome(before, before, 0, 0) == ()
    assert outcome(before, before, 0, 2) == ("the loss is 0.6, not 0.7",)


def test_another_kind_of_module_is_said_once_for_all(before: Recorded, tmp_path: Path) -> None:
    now = changed(tmp_path / "now.arrows", type="ReLU")
    assert differences(before, now) == (
        "ReLU instead of Tanh in blocks.0.act, blocks.1.act, blocks.2.act, blocks.3.act and 1 more",
    )


def test_a_shorter_model_and_what_became_of_it(before: Recorded, tmp_path: Path) -> None:
    now = Recorded.open(example(tmp_path / "now.arrows", n_blocks=2, factor=0.9))
    assert differences(before, now)[0].startswith("9 modules fewer: blocks.2, ")
    assert outcome(before, now, 2, 2)[:2] == (
        "“Gradients vanish” is gone",
        "the first block receives 0.66 of what the last one does, not 1e-13",
    )
    assert "“Gradients vanish” is new" in outcome(now, before, 2, 2)


def test_the_learning_rate_and_the_framework_are_compared(before: Recorded, tmp_path: Path) -> None:
    rows = "0,,learning_rate,0.5\n0,blocks.0,delta_norm,1\n"
    (tmp_path / "now.csv").write_text(f"step,layer,quantity,value\n{rows}", encoding="utf-8")
    found = differences(before, Recorded.open(tmp_path / "now.csv"))
    assert found[0] == "CSV instead of made up" and found[-1] == "learning rate 0.5 instead of 0.1"
