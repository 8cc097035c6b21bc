"""Each rule over a recorded run fires where it should, names what it speaks of, and is silent beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nncore.diagnosis.recorded_run import RECORDED_RULES, last_finite, listed, recorded_verdict
from nncore.recorders import RECORDED_QUANTITIES, Recorded, Unit
from nncore.recorders.example import example
from nncore.recorders.rows import RecordRows
from nncore.recorders.stream import StreamWriter
from nncore.recorders.units import Header

RECORDS = 20
MODULES = ("up", "act", "down")
PARAMETERS = ("up.weight", "up.bias", "down.weight")

SOUND: dict[str, Any] = {
    "loss": 0.5,
    "skipped": 0.0,
    "activation_rms": 1.0,
    "delta_norm": 1.0,
    "weight_norm": 1.0,
    "update_norm": 1e-3,
    "gradient_norm": 1.0,
    "used_gradient_norm": 1.0,
    "unchanged_fraction": 0.0,
    "dead_fraction": 0.0,
    "saturated_fraction": 0.0,
}


def recorded(
    path: Path, changes: Mapping[str, Any] = {}, untrained: tuple[str, ...] = (), record: int = -1
) -> Recorded:
    """A sound run of twenty records with some quantities changed from a record on; None: not defined, a function: of the step."""
    modules = [Unit("module", name, "Linear", order=place, trained=True) for place, name in enumerate(MODULES)]
    parameters = [
        Unit(
            "parameter",
            name,
            "Linear",
            (4, 4) if "weight" in name else (4,),
            module=name.partition(".")[0],
            order=MODULES.index(name.partition(".")[0]),
            trained=name not in untrained,
        )
        for name in PARAMETERS
    ]
    units = (Unit("run", ""), *modules, *parameters)
    places = {"run": [0], "module": [1, 2, 3], "parameter": [4, 5, 6]}
    writer = StreamWriter(path)
    for step in range(RECORDS):
        rows = RecordRows(step, len(units))
        rows.put("passes", places["module"], 1)
        rows.put("size", places["module"], 16)
        for name, value in {**SOUND, **(changes if step >= record else {})}.items():
            of = places[RECORDED_QUANTITIES[name].role]
            value = value(step) if callable(value) else value
            values = np.broadcast_to(np.array(value, object), len(of))
            for unit, each in zip(of, values, strict=True):
                if each is not None:
                    rows.put(name, [unit], each)
        writer.append(rows.rows())
    writer.close(Header(units, finished=True))
    return Recorded.open(path)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "not_finite": ({"activation_rms": [1, np.nan, np.inf]}, {"delta_norm": [1, None, 1]}, ("act", "down")),
    "no_gradient": ({"delta_norm": [0, 0, 1]}, {"delta_norm": [1, 0, 1]}, ("up",)),
    "vanishing": ({"delta_norm": [1e-4, 1, 1]}, {"delta_norm": [1e-2, 1e-9, 1]}, ("up",)),
    "exploding": ({"delta_norm": [1e4, 1, 1]}, {"delta_norm": [1e2, 1e9, 1]}, ("up",)),
    "unreached": (
        {"gradient_norm": [1, 1, None], "used_gradient_norm": [1, 1, None]},
        {"gradient_norm": None},
        ("down.weight",),
    ),
    "clipping_hides_all": ({"used_gradient_norm": 0.05}, {"used_gradient_norm": [0.05, 0.05, 1]}, ()),
    "update_swallowed": ({"unchanged_fraction": [0.9, 0.1, None]}, {"unchanged_fraction": 0.4}, ("up.weight",)),
    "scaler_skips": ({"skipped": 5}, {"skipped": 1}, ()),
    "moves_first": (
        {
            "loss": lambda step: 0.5 if step < 19 else 2.0,
            "update_norm": lambda step: [1e-3 if step < 16 else 4e-3, 1e-3, 1e-3],
        },
        {"loss": lambda step: 0.5 if step < 19 else 2.0, "update_norm": lambda step: [1e-3 if step < 19 else 4e-3] * 3},
        ("up.weight",),
    ),
    "saturated": ({"saturated_fraction": [None, 0.8, None]}, {"saturated_fraction": [None, 0.4, None]}, ("act",)),
    "dead": ({"dead_fraction": [None, 0.8, None]}, {"dead_fraction": [None, 0.7, None]}, ("act",)),
    "updates_too_small": ({"update_norm": [1e-7, 1e-7, 1e-3]}, {"update_norm": [1e-3, 1e-7, 1e-3]}, ("up.weight",)),
    "updates_too_large": ({"update_norm": [0.5, 1e-3, 1e-3]}, {"update_norm": [1e-3, 5, 1e-3]}, ("up.weight",)),
}
"""Rule -> what makes it fire, what almost does, and the names it then speaks of."""


def fired(run: Recorded) -> dict[str, tuple[str, ...]]:
    return {each.rule: each.names for each in recorded_verdict(run, len(run.steps) - 1)}


@pytest.mark.parametrize("name", CASES)
def test_a_rule_fires_and_names_where(name: str, tmp_path: Path) -> None:
    wrong, nearly, names = CASES[name]
    found = {each.rule: each for each in recorded_verdict(recorded(tmp_path / "wrong.arrows", wrong), RECORDS - 1)}
    assert name in found and found[name].names == names
    assert found[name].sentence.endswith(".") and "\n" not in found[name].sentence
    assert all(each in found[name].sentence for each in names), found[name].sentence
    assert name not in fired(recorded(tmp_path / "nearly.arrows", nearly))


def test_a_sound_run_has_no_verdict_and_every_rule_has_a_case(tmp_path: Path) -> None:
    assert recorded_verdict(recorded(tmp_path / "run.arrows")) == ()
    assert RECORDED_RULES.keys() == CASES.keys() | {"not_trained"}
    for name, rule in RECORDED_RULES.items():
        assert rule.name == name and rule.quantity in RECORDED_QUANTITIES and rule.source.endswith(".")


def test_what_is_frozen_is_worth_knowing(tmp_path: Path) -> None:
    (found,) = recorded_verdict(recorded(tmp_path / "run.arrows", untrained=("up.bias",)))
    assert (found.rule, found.severity, found.names) == ("not_trained", 1, ("up.bias",))
    assert "up.bias is frozen or in no optimizer" in found.sentence


def test_the_gravest_comes_first(tmp_path: Path) -> None:
    run = recorded(
        tmp_path / "run.arrows", {"delta_norm": [1e-4, 1, 1], "dead_fraction": 0.9, "activation_rms": np.inf}
    )
    severities = [each.severity for each in recorded_verdict(run)]
    assert severities == sorted(severities, reverse=True) and severities[0] == 3


def test_a_run_that_breaks_is_judged_where_it_was_whole_and_its_first_module_is_named(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run.arrows", {"activation_rms": [1, np.nan, np.nan], "delta_norm": np.nan}, record=7)
    assert last_finite(run) == 6
    found = recorded_verdict(run)
    assert [each.rule for each in found] == ["not_finite"] and found[0].step == 6
    assert "From step 7 on" in found[0].sentence and "act is the first" in found[0].sentence


def test_blocks_are_judged_and_their_branches_are_not(tmp_path: Path) -> None:
    run = Recorded.open(example(tmp_path / "sound.arrows", n_blocks=3))
    assert "vanishing" not in fired(run)
    deep = Recorded.open(example(tmp_path / "deep.arrows", n_blocks=12))
    found = next(each for each in recorded_verdict(deep) if each.rule == "vanishing")
    assert found.sentence.startswith("blocks.0 receives") and "blocks.0 to blocks.8" in found.sentence
    assert "exploding" in fired(Recorded.open(example(tmp_path / "up.arrows", n_blocks=12, factor=2.0)))


def test_before_the_first_record_there_is_nothing_to_judge(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing has been recorded yet"):
        recorded_verdict(Recorded.open(example(tmp_path / "run.arrows", records=0)))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "nothing"),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["h.1", "h.2"], "h.1 and h.2"),
        (["h.9", "h.10", "h.11", "h.13"], "h.9 to h.11 and h.13"),
        ([f"h.{k}" for k in range(0, 20, 2)], "h.0, h.2, h.4, h.6 and 6 more"),
    ],
)
def test_names_in_a_sentence(names: list[str], sentence: str) -> None:
    assert listed(names) == sentence
