"""Settings that a run has and that change nothing about it, each with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nncore.config.run_config import TABLE, RunConfig, takes
from nncore.config.settings import Settings
from nncore.data.given import GIVEN
from nncore.model.initializers import INITIALIZERS
from nncore.model.optimizers import OPTIMIZERS


@dataclass(frozen=True)
class Condition:
    """When a setting acts, and what is said where it does not."""

    acts: Callable[[RunConfig], bool]
    reason: str


def _optimizer(setting: str) -> Condition:
    owners = [name for name in OPTIMIZERS if takes(name, setting)]
    reason = f"only {' and '.join(owners)} {'have' if len(owners) > 1 else 'has'} it"
    return Condition(lambda config: takes(config.optimizer, setting), reason)


def _schedule(name: str) -> Condition:
    return Condition(lambda config: config.schedule == name, f"only the {name} schedule has it")


_DRAWN = "theta is given"


_HIDDEN = Condition(lambda config: config.depth > 0, "there is no hidden layer")

CONDITIONS: dict[str, Condition] = {
    "noise": Condition(lambda config: config.source.uses_noise, "the data set has its own"),
    "n_classes": Condition(lambda config: config.source.uses_classes, "the data set has its own"),
    "test_fraction": Condition(lambda config: config.source.test_rows is None, "the data set has its own test rows"),
    "standardize": Condition(lambda config: not config.source.lecture, "the lecture's data stay as they are"),
    "rows": Condition(lambda config: config.dataset == GIVEN, "the rows are those of another data set"),
    "table": Condition(lambda config: config.dataset == TABLE, "the rows are those of another data set"),
    "activation": _HIDDEN,
    "alpha": Condition(
        lambda config: any(phi.alpha is not None for phi in (*config.activations(), config.output_activation())),
        "no activation of this network has one",
    ),
    "normalization": _HIDDEN,
    "skip": Condition(lambda config: any(config.network().skips), "no hidden layer is as wide as its input"),
    "init": Condition(lambda config: not config.theta, _DRAWN),
    "gain": Condition(lambda config: config.init != "zeros" and not config.theta, f"zeros stay zeros, or {_DRAWN}"),
    "init_scale": Condition(
        lambda config: (
            config.initializer() is INITIALIZERS[config.init]
            and INITIALIZERS[config.init].default_scale is not None
            and not config.theta
        ),
        "the initializer takes it from the widths",
    ),
    "init_low": Condition(
        lambda config: config.init == "uniform" and not config.theta, f"only uniform has it, or {_DRAWN}"
    ),
    "init_high": Condition(
        lambda config: config.init == "uniform" and not config.theta, f"only uniform has it, or {_DRAWN}"
    ),
    "bias_std": Condition(
        lambda config: set(config.layer_biases()) != {"none"} and not config.theta, f"there are no biases, or {_DRAWN}"
    ),
    **{name: _optimizer(name) for name in ("momentum", "nesterov", "rms_alpha", "beta_1", "beta_2", "epsilon")},
    "schedule_every": _schedule("step"),
    "schedule_factor": _schedule("step"),
    "schedule_floor": _schedule("cosine"),
}
"""Setting -> when it acts; those that are not here always do."""


def without_effect(config: RunConfig) -> dict[str, str]:
    """Setting -> why it changes nothing about this run: those with another value than RunConfig's default.

    >>> without_effect(RunConfig(optimizer="adam", momentum=0.9))
    {'momentum': 'only sgd has it'}
    """
    return {
        field.name: condition.reason
        for field in RunConfig.fields()
        if (condition := CONDITIONS.get(field.name)) is not None
        and getattr(config, field.name) != field.default
        and not condition.acts(config)
    }


def in_a_sentence(config: RunConfig) -> tuple[str, ...]:
    """The same in words, for a terminal.

    >>> in_a_sentence(RunConfig(init="he_normal", init_scale=0.5))
    ('init_scale 0.5 has no effect: the initializer takes it from the widths',)
    """
    return tuple(
        f"{name} {Settings.text(name, getattr(config, name))} has no effect: {reason}"
        for name, reason in without_effect(config).items()
    )
