"""RunConfig describes a run completely: names and numbers, the seed included."""

from __future__ import annotations

import dataclasses
import math
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.activations import ACTIVATIONS, Activation
from nncore.data import DATASETS, Data, Dataset, default_loss, encode_targets, load, n_outputs
from nncore.features import FEATURES
from nncore.initializers import INITIALIZERS
from nncore.kept import kept
from nncore.layout import Array, Layout
from nncore.losses import LOSSES, Loss
from nncore.names import choose
from nncore.network import MLP, NORMALIZATIONS
from nncore.optimizers import OPTIMIZERS, Optimizer, Schedule, cosine, step_decay, warmup
from nncore.table import Choice
from nncore.threads import SEVERAL

TABLE = "table"
"""The data set that is a person's own."""

SCHEDULES = ("constant", "step", "cosine")
DTYPES = ("float64", "float32")
LOSS_CHOICES = ("auto", *LOSSES)

MOST_LAYERS = 200
"""Hidden layers that a config may have."""

DATA_BYTES = 2**26
"""Rows kept for the next run on the same data: of thousands of seeds of a toy problem, or of a few large sets."""

LARGE_PRODUCT = 2**27
"""Multiply-adds in one layer's product from which a second BLAS thread gains more than it costs."""


def setting(
    default: Any,
    group: str,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    low: float | None = None,
    high: float | None = None,
    whole: bool = False,
) -> Any:
    """A field of RunConfig with what a check, a widget and a command line need to know of it."""
    facts = {"group": group, "help": help, "choices": choices, "low": low, "high": high, "whole": whole}
    return dataclasses.field(default=default, metadata=facts)


@dataclass(frozen=True)
class RunConfig:
    """A frozen, hashable, validated description of a run. Same config, same bits.

    It is the cache key, the URL, the row of a sweep and the provenance inside every file. Every field has a
    default; `RunConfig.fields()` gives each one's help, choices and range. None means "the textbook value":
    of the activation's alpha, the initializer's scale, the optimizer's epsilon and weight decay, or no
    clipping.

    Raises ValueError on an unknown name, a number out of range, or choices that do not go together.

    >>> config = RunConfig(dataset="moons", hidden=(32,) * 10, activation="tanh", steps=500)
    >>> config.layout().n_params, config.loss_name
    (9633, 'bce')
    >>> RunConfig(activation="rleu")
    Traceback (most recent call last):
    ValueError: activation must be one of linear, sign, ..., hard_tanh, erf; got 'rleu' (did you mean 'relu'?)
    """

    dataset: str = setting("moons", "data", "The problem to learn.", choices=(*DATASETS, TABLE))
    table: str = setting(
        "", "data", "Content, target and inputs of a table of one's own, for the data set table."
    )
    n_samples: int = setting(
        400, "data", "Rows in all, training and test; a real data set gives at most what it has.",
        low=4, high=20_000, whole=True,
    )  # fmt: skip
    noise: float = setting(
        0.1, "data", "Spread added to a toy problem: more noise, harder to fit.", low=0, high=2
    )
    n_classes: int = setting(3, "data", "Classes of the blobs.", low=2, high=10, whole=True)
    test_fraction: float = setting(0.2, "data", "Share of the rows kept for testing.", low=0, high=0.9)
    standardize: bool = setting(
        True, "data", "Bring inputs to mean 0 and deviation 1, fitted on training rows."
    )
    features: tuple[str, ...] = setting(
        (), "data", "Further inputs for data that has two, made of them.", choices=tuple(FEATURES)
    )

    hidden: tuple[int, ...] = setting(
        (32,) * 10,
        "network",
        "Units of each hidden layer, input side first; deeper means more factors in the chain.",
        low=1,
        high=4096,
        whole=True,
    )
    activation: str | tuple[str, ...] = setting(
        "tanh",
        "network",
        "Non-linearity of the hidden layers, one for all or one each; its slope multiplies delta.",
        choices=tuple(ACTIVATIONS),
    )
    alpha: float | None = setting(
        None, "network", "Negative slope of leaky_relu, or alpha of elu: larger lets more gradient through.",
        low=0, high=10,
    )  # fmt: skip
    normalization: str = setting(
        "none", "network", "Normalize z over the batch or over the layer, without parameters.",
        choices=tuple(NORMALIZATIONS),
    )  # fmt: skip
    skip: bool = setting(False, "network", "Add a layer's input to its output where widths agree.")

    init: str = setting(
        "xavier_normal", "initialization", "Distribution of the first weights.", choices=tuple(INITIALIZERS)
    )
    gain: float = setting(
        1.0,
        "initialization",
        "Multiplies the initializer's standard deviation: more gain, larger signal and gradient.",
        low=0,
        high=100,
    )
    init_scale: float | None = setting(
        None, "initialization", "The value of constant, the deviation of normal, the half-width of uniform.",
        low=0, high=100,
    )  # fmt: skip
    bias_std: float = setting(
        0.0,
        "initialization",
        "Standard deviation of the first biases: shifts units into saturation.",
        low=0,
        high=100,
    )

    loss: str = setting(
        "auto",
        "training",
        "What is minimized; auto fits the data: mse, bce or cross_entropy.",
        choices=LOSS_CHOICES,
    )
    optimizer: str = setting("sgd", "training", "The update rule.", choices=tuple(OPTIMIZERS))
    learning_rate: float = setting(
        0.1, "training", "Step size: larger moves faster, then diverges.", low=0, high=1e6
    )
    momentum: float = setting(0.0, "training", "Share of the last step kept by sgd.", low=0, high=0.9999)
    nesterov: bool = setting(False, "training", "Look ahead along the momentum before stepping (sgd).")
    rms_alpha: float = setting(0.99, "training", "Memory of rmsprop's mean of squares.", low=0, high=0.999999)
    beta_1: float = setting(0.9, "training", "Memory of adam's mean gradient.", low=0, high=0.999999)
    beta_2: float = setting(0.999, "training", "Memory of adam's mean square.", low=0, high=0.999999)
    epsilon: float | None = setting(
        None,
        "training",
        "Added to the root in adaptive optimizers: larger damps tiny gradients.",
        low=0,
        high=1,
    )
    weight_decay: float | None = setting(
        None, "training", "Pull of every theta towards 0 (sgd, adamw).", low=0, high=10
    )
    schedule: str = setting(
        "constant", "training", "How the learning rate changes over the run.", choices=SCHEDULES
    )
    schedule_every: int = setting(
        100, "training", "Steps between two cuts of the step schedule.", low=1, high=1_000_000, whole=True
    )
    schedule_factor: float = setting(
        0.5, "training", "Factor of each cut of the step schedule.", low=0, high=1
    )
    schedule_floor: float = setting(0.0, "training", "Share of the rate that cosine ends at.", low=0, high=1)
    warmup_steps: int = setting(
        0, "training", "Steps over which the rate rises from 0.", low=0, high=1_000_000, whole=True
    )
    batch_size: int = setting(
        0,
        "training",
        "Rows in a step, shuffled anew each epoch; 0 takes them all.",
        low=0,
        high=20_000,
        whole=True,
    )
    steps: int = setting(200, "training", "Updates to take.", low=0, high=1_000_000, whole=True)
    l1: float = setting(0.0, "training", "Penalty l1 sum|w|: drives weights to 0.", low=0, high=10)
    l2: float = setting(0.0, "training", "Penalty l2 sum w²: shrinks weights.", low=0, high=10)
    clip_norm: float | None = setting(
        None,
        "training",
        "Longest gradient that the optimizer is given; tames explosions.",
        low=1e-12,
        high=1e12,
    )
    clip_value: float | None = setting(
        None, "training", "Largest gradient entry that the optimizer is given.", low=1e-12, high=1e12
    )
    seed: int = setting(
        0, "training", "Decides data, first weights and batches.", low=0, high=2**32 - 1, whole=True
    )
    dtype: str = setting("float64", "training", "Floating-point type of the whole run.", choices=DTYPES)
    record_every: int = setting(
        1, "training", "Steps between two records: larger saves memory.", low=1, high=1_000_000, whole=True
    )
    probe_size: int = setting(
        256, "training", "Training rows on which everything is measured.", low=1, high=20_000, whole=True
    )

    def __post_init__(self) -> None:
        for field in self.fields():
            object.__setattr__(self, field.name, _checked(field, getattr(self, field.name)))
        self._check_together()

    @classmethod
    def fields(cls) -> tuple[dataclasses.Field[Any], ...]:
        """Every setting, with its group, help, choices and range in `metadata`; the same for a fork."""
        return dataclasses.fields(RunConfig)

    @classmethod
    def check(cls, name: str, value: Any) -> Any:
        """The value as the setting keeps it; raises ValueError on an unknown name or a value it never takes.

        >>> RunConfig.check("gain", 2)
        2.0
        """
        fields = {field.name: field for field in cls.fields()}
        return _checked(choose("setting", name, fields), value)

    def replace(self, **changes: Any) -> RunConfig:
        """The same run with some settings changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """All settings as JSON-able values; a fork's parent, step and edits as well."""
        return {field.name: _plain(getattr(self, field.name)) for field in self.fields()}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> RunConfig:
        """The config, or with a parent the fork, of these settings; raises ValueError on a name it does not know."""
        if not isinstance(settings, Mapping):
            raise ValueError(f"settings must be a mapping of names to values; got {settings!r}")
        if "parent" in settings:
            from nncore.fork import Fork

            return Fork.from_dict(settings)
        names = [field.name for field in cls.fields()]
        known: dict[str, Any] = {choose("setting", name, names): value for name, value in settings.items()}
        return cls(**known)

    # What the names stand for -------------------------------------------------------------------------------

    @property
    def source(self) -> Dataset:
        """The data set behind the name; raises TableNotHere where a table's rows are not at hand."""
        return self.choice.dataset if self.dataset == TABLE else DATASETS[self.dataset]

    @property
    def choice(self) -> Choice:
        """Target, inputs and task of a person's own table; raises ValueError where there is none."""
        if not isinstance(self.table, Choice):
            raise ValueError("the data set table needs a table: read one and choose its target and inputs")
        return self.table

    @property
    def depth(self) -> int:
        """Hidden layers."""
        return len(self.hidden)

    @property
    def loss_name(self) -> str:
        """The loss, with "auto" resolved for the data set."""
        if self.loss != "auto":
            return self.loss
        return default_loss(self.source.task, self.class_count)

    @property
    def class_count(self) -> int:
        """Classes of the data set, 0 for regression."""
        return self.source.count_classes(self.n_classes)

    @property
    def n_train(self) -> int:
        """Training rows."""
        return len(self.data().x_train)

    @property
    def first_step(self) -> int:
        """The step that the run begins at: 0, unless it is a fork."""
        return 0

    @property
    def n_records(self) -> int:
        """Recorded steps of a run not cut short: the first, every multiple of record_every, and the last."""
        first, last, every = self.first_step, self.steps, self.record_every
        between = max(0, math.ceil(last / every) - 1 - first // every)
        return between + 1 + (last > first)

    def batch_rows(self) -> int:
        """Rows in a training step."""
        return min(self.batch_size or self.n_train, self.n_train)

    def blas_threads(self) -> int:
        """Threads BLAS is held to during the run: part of "same config, same bits"."""
        products = (self.batch_rows() * fan_in * fan_out for fan_in, fan_out in self.layout().fans)
        return SEVERAL if max(products) >= LARGE_PRODUCT else 1

    def layout(self) -> Layout:
        """Input, hidden and output widths."""
        dataset = self.source
        outputs = n_outputs(dataset.task, self.loss_name, self.class_count)
        return Layout((dataset.n_features + len(self.features), *self.hidden, outputs))

    def activations(self) -> tuple[Activation, ...]:
        """The activation of each hidden layer, with this config's alpha."""
        names = self.activation if isinstance(self.activation, tuple) else (self.activation,) * self.depth
        found = (ACTIVATIONS[name] for name in names)
        return tuple(
            phi if self.alpha is None or phi.alpha is None else phi.with_alpha(self.alpha) for phi in found
        )

    def network(self) -> MLP:
        """The network that is trained."""
        return MLP(self.layout(), self.activations(), self.normalization, self.skip)

    def loss_function(self) -> Loss:
        """The loss that is minimized."""
        return LOSSES[self.loss_name]

    def make_optimizer(self) -> Optimizer:
        """The update rule with its settings."""
        settings: dict[str, dict[str, Any]] = {
            "sgd": {"momentum": self.momentum, "nesterov": self.nesterov, "weight_decay": self.weight_decay},
            "rmsprop": {"alpha": self.rms_alpha, "epsilon": self.epsilon},
            "adagrad": {"epsilon": self.epsilon},
            "adam": {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon},
            "adamw": {
                "beta_1": self.beta_1,
                "beta_2": self.beta_2,
                "epsilon": self.epsilon,
                "weight_decay": self.weight_decay,
            },
        }
        given = {name: value for name, value in settings[self.optimizer].items() if value is not None}
        return OPTIMIZERS[self.optimizer](learning_rate=self.learning_rate, **given)

    def make_schedule(self) -> Schedule | None:
        """Step -> factor on the learning rate; None when it stays constant."""
        schedule: Schedule | None = None
        if self.schedule == "step":
            schedule = step_decay(self.schedule_every, self.schedule_factor)
        elif self.schedule == "cosine":
            schedule = cosine(self.steps, self.schedule_floor)
        if self.warmup_steps:
            return warmup(self.warmup_steps, schedule or (lambda step: 1.0))
        return schedule

    # Everything random, each from its own stream of the seed -------------------------------------------

    def data(self) -> Data:
        """Training and test rows; the arrays are shared and read-only."""
        key = (
            self.n_samples,
            self.noise,
            self.n_classes,
            self.test_fraction,
            self.standardize,
            self.features,
            self.seed,
        )
        if self.dataset == TABLE:
            return self.choice.loaded(key, lambda: _load(self.source, *key))
        return _load_shared(self.dataset, *key)

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Targets as the loss wants them: class indices, 0/1 columns, or numbers of this run's float type."""
        encoded = encode_targets(y, self.source.task, self.loss_name, self.class_count)
        return encoded if encoded.dtype.kind == "i" else encoded.astype(self.dtype)

    def initial_theta(self) -> Array:
        """The first parameters. LSUV looks at the training rows."""
        initializer = INITIALIZERS[self.init]
        theta = initializer.theta(
            _rng(self.seed, "init"),
            self.network(),
            self.data().x_train,
            gain=self.gain,
            scale=None if initializer.default_scale is None else self.init_scale,
            bias_std=self.bias_std,
        )
        return theta.astype(self.dtype)

    def batches(self) -> Iterator[np.ndarray] | None:
        """Row indices of every step: a new seeded order each epoch; None for full batch."""
        size, n_train = self.batch_rows(), self.n_train
        if size == n_train:
            return None
        return _shuffled(_rng(self.seed, "batches"), n_train, size)

    def probe(self) -> tuple[np.ndarray, np.ndarray]:
        """(x, y): the seeded sample of training rows on which everything is measured."""
        data = self.data()
        chosen = np.sort(_rng(self.seed, "probe").permutation(self.n_train)[: self.probe_size])
        return data.x_train[chosen].astype(self.dtype), self.targets(data.y_train[chosen])

    def history_bytes(self) -> int:
        """Memory that the recorded theta and gradients take."""
        return 2 * self.n_records * self.layout().n_params * np.dtype(self.dtype).itemsize

    def pass_bytes(self) -> int:
        """Memory of one pass over all training rows: z, a and delta of every unit, and normalized z."""
        arrays = 3 if self.normalization == "none" else 4
        return arrays * sum(self.layout().widths) * self.n_train * np.dtype(self.dtype).itemsize

    def check_memory(self, budget: int) -> None:
        """Raise ValueError, with a way out, if the history or one pass would exceed `budget` bytes."""
        working = self.pass_bytes()
        if working > budget:
            raise ValueError(
                f"one pass over the {self.n_train:,} training rows would take {working / 2**20:,.0f} MB and "
                f"{budget / 2**20:,.0f} MB are allowed: take fewer samples, or fewer and narrower layers"
            )
        size = self.history_bytes()
        if size <= budget:
            return
        every = self.fitting_record_every(budget)
        remedy = f"set record_every to {every} or more" if every else "reduce width or depth"
        raise ValueError(
            f"the history would take {size / 2**20:,.0f} MB and {budget / 2**20:,.0f} MB are allowed: "
            f"{remedy}, or take fewer steps or narrower layers"
        )

    def fitting_record_every(self, budget: int) -> int | None:
        """The smallest record_every whose history fits into `budget` bytes; None where none does."""
        fitting = budget // (self.history_bytes() // self.n_records) - (2 if self.first_step else 1)
        steps = self.steps - self.first_step
        return math.ceil(steps / fitting) if fitting >= 1 and steps else None

    def _check_together(self) -> None:
        dataset = self.source
        if isinstance(self.activation, tuple) and len(self.activation) != self.depth:
            raise ValueError(
                f"activation must be one name, or one for each of the {self.depth} hidden layers; "
                f"got {len(self.activation)}"
            )
        self.activations()
        dataset.check_features(self.features)
        n_outputs(dataset.task, self.loss_name, self.class_count)
        if self.n_samples < self.class_count:
            raise ValueError(
                f"n_samples must be at least {self.class_count}, the classes of {self.dataset}; "
                f"got {self.n_samples}"
            )
        if self.nesterov and self.momentum == 0 and self.optimizer == "sgd":
            raise ValueError("nesterov needs a momentum above 0; got momentum 0")
        rows = min(self.n_samples, dataset.max_samples or self.n_samples)
        if rows * (1 - self.test_fraction) < 2:
            raise ValueError(
                f"at least 2 training rows are needed; n_samples {rows} with test_fraction "
                f"{self.test_fraction} leaves fewer"
            )


def _checked(field: dataclasses.Field[Any], value: Any) -> Any:
    """The value in its field's own type; raises ValueError when it does not fit the field's facts."""
    name, facts = field.name, field.metadata
    if value is None and field.default is None:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(field.default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False; got {reprlib.repr(value)}")
        return value
    if name == "hidden":
        if not isinstance(value, (tuple, list)) or len(value) > MOST_LAYERS:
            raise ValueError(
                f"hidden must be a tuple of at most {MOST_LAYERS} widths, input side first; "
                f"got {reprlib.repr(value)}"
            )
        return tuple(_number(name, width, facts) for width in value)
    if name == "features":
        given = value if isinstance(value, (tuple, list)) else (value,)
        known = {choose(name, each, facts["choices"]) for each in given}
        return tuple(each for each in facts["choices"] if each in known)
    if name == "table":
        if not isinstance(value, str):
            raise ValueError(f"table must be text, what Table.choose returns; got {reprlib.repr(value)}")
        return value if isinstance(value, Choice) or not value else Choice(value)
    if facts["choices"] is not None:
        if name == "activation" and isinstance(value, (tuple, list)):
            return tuple(choose(name, each, facts["choices"]) for each in value)
        return choose(name, value, facts["choices"])
    return _number(name, value, facts)


def _number(name: str, value: Any, facts: Mapping[str, Any]) -> float | int:
    kind = "a whole number" if facts["whole"] else "a number"
    if isinstance(value, np.generic):
        value = value.item()
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not fits or not facts["low"] <= value <= facts["high"] or (facts["whole"] and value != int(value)):
        low, high = (
            f"{each:g}" if isinstance(each, float) else f"{each:,}" for each in (facts["low"], facts["high"])
        )
        raise ValueError(f"{name} must be {kind} from {low} to {high}; got {reprlib.repr(value)}")
    return int(value) if facts["whole"] else float(value) + 0.0  # -0.0 equals 0.0 and must give the same bits


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


_STREAMS = ("data", "init", "batches", "probe")


def _rng(seed: int, purpose: str) -> np.random.Generator:
    """One independent stream of random numbers for each purpose, so that changing one leaves the others."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAMS.index(purpose),)))


def _shuffled(rng: np.random.Generator, n_rows: int, size: int) -> Iterator[np.ndarray]:
    while True:
        order = rng.permutation(n_rows)
        for start in range(0, n_rows - size + 1, size):
            yield order[start : start + size]


def _load(
    dataset: str | Dataset,
    n_samples: int,
    noise: float,
    n_classes: int,
    test_fraction: float,
    standardize: bool,
    features: tuple[str, ...],
    seed: int,
) -> Data:
    return load(
        dataset,
        _rng(seed, "data"),
        n_samples=n_samples,
        noise=noise,
        test_fraction=test_fraction,
        standardize=standardize,
        n_classes=n_classes,
        features=features,
    )


def _nbytes(data: Data) -> int:
    return data.nbytes


_load_shared = kept(DATA_BYTES, size=_nbytes)(_load)
