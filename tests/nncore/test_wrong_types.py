"""A wrong type or shape is refused in one sentence that says what was expected, what arrived, and the choices."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nncore import ACTIVATIONS, INITIALIZERS, LOSSES, MLP, Layout, RunConfig, measures, run, sgd, train
from nncore.config.settings import DATASET_CHOICES, LOSS_CHOICES
from nncore.seeds import SeedRuns

LAYOUT = Layout((2, 3, 1))
NETWORK = MLP(LAYOUT, "tanh")
CONFIG = RunConfig(hidden=(3,), steps=2, n_samples=20)
THETA, X, Y = np.zeros(LAYOUT.n_params), np.zeros((4, 2)), np.zeros((4, 1))


def trained(**changes: Any) -> Any:
    given = {
        "network": NETWORK,
        "loss": LOSSES["mse"],
        "optimizer": sgd(0.1),
        "theta": THETA,
        "x": X,
        "y": Y,
        "steps": 1,
    }
    return next(train(**given | changes))


def with_bad(value: float) -> np.ndarray:
    x = X.copy()
    x[1, 1] = x[3, 0] = value
    return x


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "run of a name": (
        lambda: run("moons"),
        "config must be a RunConfig, such as RunConfig(dataset='moons'); got 'moons'",
    ),
    "run of a dict": (lambda: run({}), "config must be a RunConfig, such as RunConfig(dataset='moons'); got {}"),
    "run of arrays": (
        lambda: run(CONFIG, X, Y),
        "run takes a config alone, and arrays go to nncore.fit(x, y) or RunConfig.from_arrays(x, y); got 2 more",
    ),
    "a data set of arrays": (
        lambda: RunConfig(dataset=(1, 2)),
        f"dataset must be one of {', '.join(DATASET_CHOICES)}; got (1, 2) (one of your own is registered first, with "
        "nncore.DATASETS.register; arrays go to nncore.fit(x, y) or RunConfig.from_arrays(x, y))",
    ),
    "a table of arrays": (
        lambda: RunConfig(dataset="table", table=[[1.0, 2.0]]),
        "table must be text, what Table.choose returns, and arrays go to nncore.fit(x, y) or RunConfig.from_arrays(x, y); "
        "got [[1.0, 2.0]]",
    ),
    "a function for the name of an activation": (
        lambda: RunConfig(activation=np.tanh),
        f"activation must be one of {', '.join(ACTIVATIONS)}; got <ufunc 'tanh'> (one of your own is registered first, with "
        "nncore.ACTIVATIONS.register)",
    ),
    "a loss for its name": (
        lambda: RunConfig(loss=3),
        f"loss must be one of {', '.join(LOSS_CHOICES)}; got 3 (one of your own is registered first, with "
        "nncore.LOSSES.register)",
    ),
    "loss by name": (lambda: trained(loss="bce"), "loss must be a Loss, such as LOSSES['mse']; got 'bce'"),
    "optimizer by name": (
        lambda: trained(optimizer="sgd"),
        "optimizer must be an Optimizer, such as sgd(learning_rate=0.1); got 'sgd'",
    ),
    "network by name": (
        lambda: trained(network="MLP"),
        "network must be an MLP, such as MLP(Layout((2, 8, 1)), 'tanh'); got 'MLP'",
    ),
    "layout as a list": (
        lambda: MLP([3, 8, 1], "tanh"),
        "layout must be a Layout, such as Layout((3, 8, 1)); got [3, 8, 1]",
    ),
    "activation as a function": (
        lambda: MLP(LAYOUT, np.tanh),
        "activation must be a name, an Activation, or one of them for each hidden layer; got <ufunc 'tanh'>",
    ),
    "seed for a generator": (
        lambda: INITIALIZERS["he_normal"].theta(0, NETWORK),
        "rng must be a numpy Generator, such as np.random.default_rng(0); got 0",
    ),
    "seed for a generator, lsuv": (
        lambda: INITIALIZERS["lsuv"].theta(0, NETWORK, X),
        "rng must be a numpy Generator, such as np.random.default_rng(0); got 0",
    ),
    "no rows": (lambda: trained(x=X[:0], y=Y[:0]), "x must have at least one sample; got shape (0, 2)"),
    "nan in x": (
        lambda: trained(x=with_bad(np.nan)),
        "x must be finite; got 2 values that are not, the first in sample 1, feature 1",
    ),
    "infinity in x": (
        lambda: trained(x=with_bad(-np.inf)),
        "x must be finite; got 2 values that are not, the first in sample 1, feature 1",
    ),
    "complex x": (lambda: trained(x=X + 1j), "x must be real numbers; got complex128"),
    "text for x": (lambda: NETWORK.forward(THETA, X.astype(str)), "x must be real numbers; got <U32"),
    "one record": (
        lambda: measures.per_layer(run(CONFIG), "delta_norm", records=0),
        "records must be a list of indices into the history, such as [0]; got array(0)",
    ),
    "half a seed": (lambda: SeedRuns(CONFIG, 3.5), "n_seeds must be a whole number from 1 to 64; got 3.5"),
    "text file": (
        lambda: run(CONFIG).to_csv(io.StringIO()),
        "a history's file must be a path or a binary file, such as io.BytesIO(); got one open as text",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_type_is_refused_in_one_sentence(case: str) -> None:
    call, message = CASES[case]
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "name, meant", [("he", "he_normal"), ("glorot_uniform", "xavier_uniform"), ("kaiming_normal", "he_normal")]
)
def test_what_other_libraries_call_an_initializer_is_understood(name: str, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"got '{name}' \(did you mean '{meant}'\?\)"):
        RunConfig(init=name)


def test_a_registry_lists_its_names_where_one_is_missing() -> None:
    with pytest.raises(KeyError, match="loss must be one of mse, bce, cross_entropy; got 'ce'"):
        LOSSES["ce"]


def test_widths_may_be_an_array() -> None:
    assert RunConfig(hidden=np.array([32, 16])) == RunConfig(hidden=(32, 16))


def test_an_unknown_quantity_lists_those_there_are() -> None:
    with pytest.raises(KeyError, match="quantity must be one of delta_norm; got 'delta'"):
        measures.per_layer(run(CONFIG), "delta_norm")["delta"]
