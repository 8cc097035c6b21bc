"""The ledger of a recorded chain adds up, what is no chain is named, and a stand-in is offered for a plain chain alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nncore import RunConfig, run
from nncore.diagnosis.recorded_ledger import CHAIN_PARTS, chain, recorded_ledger, stand_in, why_no_chain
from nncore.recorders import Recorded
from nncore.recorders.example import example
from nncore.recorders.of_history import of_history

CASES = Path(__file__).parents[2] / "cases"


def recorded_chain(folder: Path, **kinds: str) -> Recorded:
    """Linear, Tanh, Linear, or other types by their places."""
    found = Recorded.open(example(folder / "run.arrows", factor=0.5))
    units = tuple(
        replace(unit, type=kinds.get(f"_{unit.name}", unit.type)) if unit.role == "module" else unit
        for unit in found.header.units
    )
    found._header = replace(found.header, units=units)
    return found


def test_the_parts_of_a_chain_add_up_to_its_factor(tmp_path: Path) -> None:
    recorded = recorded_chain(tmp_path)
    measured = recorded_ledger(recorded, 1)
    assert chain(recorded) == (0, 1, 2) and why_no_chain(recorded) == ""
    np.testing.assert_allclose([measured["slope"], measured["weights"]], np.log10(0.5))
    np.testing.assert_allclose(sum(measured[part] for part in CHAIN_PARTS), measured["total"])
    assert measured.columns is not None and measured.columns["name"][1].tolist() == ["0"]


@pytest.mark.parametrize(("kind", "part"), [("LayerNorm", "normalization"), ("Dropout", "other"), ("ReLU6", "slope")])
def test_each_module_s_step_is_put_down_to_what_it_is(kind: str, part: str, tmp_path: Path) -> None:
    recorded = recorded_chain(tmp_path, _1=kind)
    assert recorded_ledger(recorded, 0)[part].tolist() == pytest.approx([np.log10(0.5)])
    assert stand_in(recorded) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gpt", "places does not take the output of tokens as it stands"),
        ("resnet", "2.1.c1 does not take the output of 2.0.b2 as it stands"),
    ],
)
def test_what_is_no_chain_is_named_and_has_no_ledger(name: str, why: str) -> None:
    recorded = Recorded.open(CASES / f"{name}.arrows")
    assert why_no_chain(recorded) == f"No ledger of causes: the modules are not a chain of simple ones, for {why}."
    assert chain(recorded) == () and stand_in(recorded) is None
    with pytest.raises(ValueError, match="No ledger of causes"):
        recorded_ledger(recorded, 0)


def test_a_layer_with_its_activation_inside_is_not_split(tmp_path: Path) -> None:
    recorded = recorded_chain(tmp_path, _2="Tanh")
    assert "2 has weights and more in one" in why_no_chain(recorded) and chain(recorded) == ()


def test_logs_and_histories_are_not_spoken_of(tmp_path: Path) -> None:
    of_one = of_history(run(RunConfig(hidden=(4, 4), steps=1)))
    for recorded in (Recorded.open(CASES / "two_layers.tfevents"), of_one):
        assert chain(recorded) == () and why_no_chain(recorded) == "" and stand_in(recorded) is None
        with pytest.raises(ValueError, match="the modules are not known to be a chain"):
            recorded_ledger(recorded, 0)


def test_a_plain_chain_has_a_stand_in_of_its_size(tmp_path: Path) -> None:
    config = stand_in(recorded_chain(tmp_path))
    assert config is not None
    assert (config.hidden, config.activation) == ((13,), "tanh")
    assert config.gain == pytest.approx(1 / np.sqrt(13), rel=1e-2)
