"""The same run in PyTorch, where autograd finds the gradient: losses, gradients and theta agree at every step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nncore import ACTIVATIONS, LOSSES, NORMALIZATIONS, OPTIMIZERS, RunConfig, run
from nncore.model.layout import Array, Layout

RTOL = 1e-9
ATOL = 1e-14
"""Biases under batch normalization have gradient 0, which both sides miss by rounding errors."""

BASE = RunConfig(
    dataset="blobs", n_samples=60, hidden=(6, 6, 5), activation="tanh", bias_std=0.3, learning_rate=0.05, steps=10
)

PHI: dict[str, Callable[..., Tensor]] = {
    "linear": lambda z: z,
    "sign": torch.sign,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "mish": F.mish,
    "hard_tanh": F.hardtanh,
    "erf": torch.erf,
}
NORMALIZE: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda z: z,
    "batch": lambda z: F.batch_norm(z, None, None, training=True, eps=1e-5),
    "layer": lambda z: F.layer_norm(z, z.shape[-1:], eps=1e-5),
}
LOSS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "bce": F.binary_cross_entropy_with_logits,
    "cross_entropy": F.cross_entropy,
}


class Trajectory(NamedTuple):
    """loss (n_records,), theta and grad (n_records, n_params), in nncore's order."""

    loss: Array
    theta: Array
    grad: Array


class Network(nn.Module):
    """nn.Linear layers in float64 that start from the config's first theta."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.ModuleList(nn.Linear(*fans, dtype=torch.float64) for fans in config.layout().fans)
        for linear, (weight, bias) in zip(self.linear, config.layout().split(config.initial_theta()), strict=True):
            linear.weight.data = torch.tensor(weight.T.copy())
            linear.bias.data = torch.tensor(bias.copy())

    def forward(self, a: Tensor) -> Tensor:
        config, names = self.config, self.config.activation
        names = (names,) * config.depth if isinstance(names, str) else names
        for name, linear in zip(names, self.linear[:-1], strict=True):
            z = NORMALIZE[config.normalization](linear(a))
            phi = PHI[name](z) if config.alpha is None else PHI[name](z, config.alpha)
            a = a + phi if config.skip and a.shape == phi.shape else phi
        return self.linear[-1](a)

    def flat(self, read: Callable[[nn.Parameter], Tensor]) -> Array:
        pairs = [(read(each.weight).numpy().T, read(each.bias).numpy()) for each in self.linear]
        return self.config.layout().join(pairs)


def make_optimizer(config: RunConfig, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """PyTorch's optimizer of the same name; what the config leaves open is PyTorch's default."""
    betas = (config.beta_1, config.beta_2)
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "sgd": (torch.optim.SGD, {"momentum": config.momentum, "nesterov": config.nesterov}),
        "rmsprop": (torch.optim.RMSprop, {"alpha": config.rms_alpha}),
        "adagrad": (torch.optim.Adagrad, {}),
        "adam": (torch.optim.Adam, {"betas": betas}),
        "adamw": (torch.optim.AdamW, {"betas": betas}),
    }
    kind, settings = kinds[config.optimizer]
    if config.epsilon is not None:
        settings["eps"] = config.epsilon
    if config.weight_decay is not None:
        settings["weight_decay"] = config.weight_decay
    return kind(parameters, lr=config.learning_rate, **settings)


def make_schedule(config: RunConfig, optimizer: torch.optim.Optimizer) -> Any:
    schedules = torch.optim.lr_scheduler
    if config.warmup_steps:
        first = 1 / config.warmup_steps
        return schedules.LinearLR(optimizer, start_factor=first, total_iters=config.warmup_steps - 1)
    if config.schedule == "step":
        return schedules.StepLR(optimizer, config.schedule_every, config.schedule_factor)
    if config.schedule == "cosine":
        floor = config.schedule_floor * config.learning_rate
        return schedules.CosineAnnealingLR(optimizer, config.steps, floor)
    return schedules.ConstantLR(optimizer, factor=1.0)


def train_in_torch(config: RunConfig) -> Trajectory:
    torch.set_num_threads(1)
    network, data = Network(config), config.data()
    x, y = torch.tensor(data.x_train), torch.tensor(config.targets(data.y_train))
    parameters = list(network.parameters())
    weights = [linear.weight for linear in network.linear]
    optimizer = make_optimizer(config, parameters)
    schedule = make_schedule(config, optimizer)
    batches = config.batches()
    records = []
    for step in range(config.steps + 1):
        is_last = step == config.steps
        rows = slice(None) if batches is None or is_last else torch.tensor(next(batches))
        optimizer.zero_grad()
        loss = LOSS[config.loss_name](network(x[rows]), y[rows])
        loss = loss + config.l1 * sum(w.abs().sum() for w in weights)
        loss = loss + config.l2 * sum(w.square().sum() for w in weights)
        loss.backward()
        theta = network.flat(lambda parameter: parameter.detach())
        records.append((loss.item(), theta, network.flat(lambda parameter: parameter.grad)))
        if config.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, config.clip_norm)
        if config.clip_value is not None:
            nn.utils.clip_grad_value_(parameters, config.clip_value)
        optimizer.step()
        schedule.step()
    return Trajectory(*(np.array(column) for column in zip(*records, strict=True)))


def assert_same(ours: Any, theirs: Trajectory, layout: Layout) -> None:
    assert np.isfinite(theirs.theta).all()
    assert np.abs(theirs.grad[0]).max() > 1e-3, "nothing to compare: the network does not learn"
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=RTOL, err_msg="loss")
    for what in ("grad", "theta"):
        pairs = zip(layout.split(getattr(ours, what)), layout.split(getattr(theirs, what)), strict=True)
        for layer, (our_parts, their_parts) in enumerate(pairs, 1):
            for kind, our, their in zip(("weight", "bias"), our_parts, their_parts, strict=True):
                np.testing.assert_allclose(
                    our, their, rtol=RTOL, atol=ATOL, err_msg=f"{what} of the {kind} of layer {layer}"
                )


def assert_agrees(config: RunConfig) -> None:
    history = run(config)
    assert history.stopped == ""
    assert_same(history, train_in_torch(config), config.layout())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_has_autograds_gradients(name: str) -> None:
    assert_agrees(BASE.replace(activation=name))


@pytest.mark.parametrize(("name", "alpha"), [("leaky_relu", 0.2), ("elu", 0.5)])
def test_alpha_means_what_it_means_in_torch(name: str, alpha: float) -> None:
    assert_agrees(BASE.replace(activation=name, alpha=alpha))


def test_each_hidden_layer_can_have_its_own_activation() -> None:
    assert_agrees(BASE.replace(activation=("gelu", "softsign", "relu")))


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("batch_size", [0, 16])
@pytest.mark.parametrize("name", ["gelu", "sigmoid"])
def test_normalization_and_skip_have_autograds_gradients(
    normalization: str, skip: bool, batch_size: int, name: str
) -> None:
    assert_agrees(BASE.replace(activation=name, normalization=normalization, skip=skip, batch_size=batch_size))


PROBLEMS = {"mse": ("parabola", "diabetes", "iris"), "bce": ("moons",), "cross_entropy": ("iris", "digits")}


@pytest.mark.parametrize(("loss", "dataset"), [(name, each) for name in LOSSES for each in PROBLEMS[name]])
@pytest.mark.parametrize("settings", [{}, {"l1": 1e-3, "l2": 1e-2}, {"l2": 1e-2, "batch_size": 16}], ids=str)
def test_loss_and_penalties_have_autograds_gradients(loss: str, dataset: str, settings: dict[str, Any]) -> None:
    assert_agrees(BASE.replace(dataset=dataset, loss=loss, **settings))


UPDATES: dict[str, list[dict[str, Any]]] = {
    "sgd": [
        {},
        {"weight_decay": 0.1},
        {"momentum": 0.9},
        {"momentum": 0.9, "weight_decay": 0.1},
        {"momentum": 0.8, "nesterov": True},
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    ],
    "rmsprop": [{}, {"rms_alpha": 0.9, "epsilon": 1e-3}, {"weight_decay": 0.1}],
    "adagrad": [{}, {"epsilon": 1e-3}, {"weight_decay": 0.1}],
    "adam": [{}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}, {"weight_decay": 0.1}],
    "adamw": [{}, {"weight_decay": 0.1, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}],
}


@pytest.mark.parametrize(
    ("optimizer", "settings"), [(name, each) for name in OPTIMIZERS for each in UPDATES[name]], ids=str
)
@pytest.mark.parametrize("batch_size", [0, 16])
def test_optimizer_takes_torchs_steps(optimizer: str, settings: dict[str, Any], batch_size: int) -> None:
    assert_agrees(BASE.replace(optimizer=optimizer, batch_size=batch_size, **settings))


@pytest.mark.parametrize(
    "clipping", [{"clip_norm": 0.1}, {"clip_value": 0.01}, {"clip_norm": 0.1, "clip_value": 0.05}], ids=str
)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_clipping_changes_the_steps_as_torch_does(clipping: dict[str, float], optimizer: str) -> None:
    config = BASE.replace(optimizer=optimizer, **clipping)
    assert_agrees(config)
    assert not np.allclose(run(config).theta[-1], run(BASE.replace(optimizer=optimizer)).theta[-1])


@pytest.mark.parametrize(
    "schedule",
    [
        {"schedule": "step", "schedule_every": 3, "schedule_factor": 0.5},
        {"schedule": "cosine", "schedule_floor": 0.1},
        {"warmup_steps": 4},
    ],
    ids=str,
)
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_schedule_is_torchs(schedule: dict[str, Any], optimizer: str) -> None:
    assert_agrees(BASE.replace(optimizer=optimizer, **schedule))


def test_thirty_layers_of_vanishing_gradients_agree_to_the_last_layer() -> None:
    config = BASE.replace(hidden=(8,) * 30, activation="sigmoid")
    weight_gradients = [np.abs(weight).max() for weight, _ in config.layout().split(run(config).grad[0])]
    assert weight_gradients[0] < 1e-12 * weight_gradients[-1]
    history, theirs = run(config), train_in_torch(config)
    for (ours, _), (weight, _) in zip(
        config.layout().split(history.grad), config.layout().split(theirs.grad), strict=True
    ):
        np.testing.assert_allclose(ours, weight, rtol=1e-9, atol=1e-9 * np.abs(weight).max())


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rate": 0.05 * (1 + 1e-6)},
        {"activation": ("tanh", "tanh", "softsign")},
        {"normalization": "layer"},
        {"skip": True},
        {"l2": 1e-6},
        {"momentum": 1e-6},
        {"weight_decay": 1e-6},
        {"clip_norm": 0.5},
        {"batch_size": 47},
        {"seed": 1},
    ],
    ids=str,
)
def test_comparison_notices_a_small_difference(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        assert_same(run(BASE), train_in_torch(BASE.replace(**changes)), BASE.layout())
