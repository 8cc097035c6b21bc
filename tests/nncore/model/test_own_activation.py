"""An activation of one's own, registered, works wherever a name does; a wrong one is refused with the place."""

import io
from collections.abc import Iterator

import numpy as np
import pytest

from nncore import ACTIVATIONS, MLP, Activation, History, Layout, RunConfig, fit, measures, run, theory
from nncore.command import main
from nncore.diagnosis import ledger, verdict

SINE = Activation(name="sine", phi=np.sin, dphi=np.cos)


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    before = dict(ACTIVATIONS)
    yield
    for name in set(ACTIVATIONS) - set(before):
        del ACTIVATIONS[name]


def config() -> RunConfig:
    ACTIVATIONS.register(SINE)
    return RunConfig(hidden=(4, 4), activation="sine", steps=5, n_samples=40)


def test_an_unregistered_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"activation must be one of linear, .*; got 'sine'"):
        RunConfig(activation="sine")


def test_run_measures_ledger_verdict_theory_and_files_know_it() -> None:
    history = run(config())
    assert history.network.activations == (SINE, SINE)
    assert np.isfinite(measures.per_layer(history, "delta_norm")["delta_norm"]).all()
    assert ledger(history, 0).values and verdict(history, len(history) - 1) is not None
    assert theory.predict_config(history.config) is not None
    file = io.BytesIO()
    history.to_parquet(file)
    file.seek(0)
    np.testing.assert_array_equal(History.from_parquet(file).theta, history.theta)


def test_it_may_stand_in_one_layer_and_be_fitted_on_arrays() -> None:
    x = np.linspace(-1, 1, 20)[:, None]
    ACTIVATIONS.register(SINE)
    history = fit(x, x[:, 0], hidden=(3, 3), activation=("sine", "tanh"), steps=2)
    assert [phi.name for phi in history.network.activations] == ["sine", "tanh"]
    assert MLP(Layout((1, 2, 1)), "sine").activations == (SINE,)


def test_the_command_and_the_menu_offer_it(capsys: pytest.CaptureFixture[str]) -> None:
    ACTIVATIONS.register(SINE)
    assert main(["run", "--activation", "sine", "--hidden", "3", "--steps", "20"]) in (0, 1)
    assert "at step 20" in capsys.readouterr().out
    field = next(field for field in RunConfig.fields() if field.name == "activation")
    assert field.metadata["choices"] == tuple(ACTIVATIONS) and "sine" in field.metadata.get("choices")


@pytest.mark.parametrize(
    "activation, message",
    [
        (
            Activation(name="own", phi=np.sin, dphi=lambda z: np.where(z > 2, 0.0, np.cos(z))),
            "the slope of own is wrong at z = 2.005: dphi says 0, the differences of phi -0.420",
        ),
        (
            Activation(name="own", phi=lambda z: np.maximum(z, 0), dphi=lambda z: np.where(z > 1, 1.0, 0.0)),
            "the slope of own is wrong at z = 0.005: dphi says 0, the differences of phi 1",
        ),
        (
            Activation(name="own", phi=lambda z: np.where(z > 3, np.nan, z), dphi=np.ones_like),
            "phi of own must be finite; got nan at z = 3.005",
        ),
        (
            Activation(name="own one", phi=np.sin, dphi=np.cos),
            "the name of an activation must be a letter, then letters, digits or _; got 'own one'",
        ),
        (
            Activation(name="tanh", phi=np.sin, dphi=np.cos),
            "tanh names another activation already, which histories made with it need: choose another name",
        ),
        (np.tanh, "activation must be an Activation with a name, phi and dphi; got <ufunc 'tanh'>"),
    ],
    ids=["slope", "kink too late", "nan", "name", "taken", "function"],
)
def test_a_wrong_one_is_refused_with_the_place(activation: Activation, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        ACTIVATIONS.register(activation)
    assert str(caught.value).startswith(message)
    assert "own" not in ACTIVATIONS


def test_an_undeclared_kink_and_a_steep_wave_are_no_wrong_slope() -> None:
    ACTIVATIONS.register(
        Activation(name="ramp", phi=lambda z: np.maximum(z, 0), dphi=lambda z: np.where(z > 0, 1.0, 0.0))
    )
    ACTIVATIONS.register(Activation(name="wave", phi=lambda z: np.sin(300 * z), dphi=lambda z: 300 * np.cos(300 * z)))


def test_the_same_one_may_be_registered_again() -> None:
    ACTIVATIONS.register(SINE)
    again = Activation(name="sine", phi=lambda z: np.sin(z), dphi=np.cos)
    assert ACTIVATIONS.register(again) is ACTIVATIONS["sine"] is again


@pytest.mark.parametrize("name", [name for name, phi in ACTIVATIONS.items() if phi.kind != "threshold"])
def test_every_activation_passes_the_check(name: str) -> None:
    ACTIVATIONS.register(ACTIVATIONS[name])
