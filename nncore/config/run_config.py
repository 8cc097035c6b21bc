"""RunConfig describes a run completely: names and numbers, the seed included."""

from __future__ import annotations

import dataclasses
import inspect
import math
import reprlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from cachetools import LRUCache, cached

from nncore.config.settings import BIASES, MOST_SAMPLES, Settings
from nncore.config.settings import TABLE as TABLE
from nncore.data import DATASETS, Data, Dataset, default_loss, encode_targets, load, n_outputs
from nncore.data.given import GIVEN, given_dataset
from nncore.data.table import TableChoice
from nncore.display.shown import Shown
from nncore.model.activations import ACTIVATIONS, Activation
from nncore.model.initializers import INITIALIZERS, Initializer, uniform_between
from nncore.model.layout import Array, Layout
from nncore.model.losses import LOSSES, Loss
from nncore.model.network import MLP
from nncore.model.optimizers import OPTIMIZERS, Optimizer, Schedule, constant, cosine, step_decay, warmup
from nncore.model.output import ThroughActivation
from nncore.numerics.blas import SEVERAL
from nncore.numerics.choices import choose

DATA_BYTES = 2**26
"""Memory for the rows of data sets that the next run may need again: of thousands of seeds of a toy problem, or of a few
large sets."""

LARGE_PRODUCT = 2**27
"""Multiply-adds in one layer's product from which a second BLAS thread gains more than it costs."""

SETTING_OF = {"alpha": "rms_alpha"}
"""An optimizer's argument -> the setting that it takes, where the two have different names."""


def takes(optimizer: str, setting: str) -> bool:
    """Has an optimizer, by its name, an argument that takes this setting?"""
    return setting in {SETTING_OF.get(name, name) for name in inspect.signature(OPTIMIZERS[optimizer]).parameters}


@dataclass(frozen=True, repr=False)
class RunConfig(Shown, Settings):
    """A frozen, hashable, validated description of a run. Same config, same bits.

    It is the cache key, the URL, the row of a sweep and the provenance inside every file. Every field has a
    default; `RunConfig.fields()` gives each one's help, choices and range. None means "the textbook value":
    of the activation's alpha, the initializer's scale, the optimizer's epsilon and weight decay, or no
    clipping.

    Raises ValueError on an unknown name, a number out of range, or choices that do not go together, and TableNotHere,
    which is one, where the rows of a table are not at hand.

    >>> config = RunConfig(dataset="moons", hidden=(32,) * 10, activation="tanh", steps=500)
    >>> config.layout().n_params, config.loss_name
    (9633, 'bce')
    >>> RunConfig(activation="rleu")
    Traceback (most recent call last):
    nncore.numerics.choices.UnknownName: activation must be one of linear, sign, ..., hard_tanh, erf; got 'rleu' (did you mean 'relu'?)
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dataset == TABLE:
            object.__setattr__(self, "table", self.choice.with_rows())
        self._check_together()

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that differ from the defaults, with their values.

        >>> RunConfig(activation="relu", seed=3).changed
        {'activation': 'relu', 'seed': 3}
        """
        return {
            field.name: getattr(self, field.name)
            for field in self.fields()
            if getattr(self, field.name) != field.default
        }

    def __repr__(self) -> str:
        """The call that makes it, without what is the default.

        >>> RunConfig(hidden=(64,) * 20, activation="relu")
        RunConfig(hidden=(64,) * 20, activation='relu')
        """
        return f"RunConfig({in_a_call(self.changed)})"

    def replace(self, **changes: Any) -> RunConfig:
        """The same run with some settings changed."""
        return dataclasses.replace(self, **changes)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> RunConfig:
        """The config, or with a parent the fork, of these settings; raises ValueError on a name it does not know."""
        if not isinstance(settings, Mapping):
            raise ValueError(f"settings must be a mapping of names to values; got {reprlib.repr(settings)}")
        if "parent" in settings:
            from nncore.config.fork import Fork

            return Fork.from_dict(settings)
        names = [field.name for field in cls.fields()]
        known: dict[str, Any] = {choose("setting", name, names): value for name, value in settings.items()}
        return cls(**known)

    @staticmethod
    def from_arrays(
        x: Any, y: Any, task: str | None = None, *, test: tuple[Any, Any] | None = None, **settings: Any
    ) -> RunConfig:
        """The config of a run on arrays or a DataFrame: y (n_rows,) from every column of x (n_rows, n_inputs).

        The data set is `nncore.data.arrays.choice_of(x, y, task, test)`, which says what x and y may be. All rows are taken unless
        `n_samples` says otherwise, `test_fraction` of them for testing, or with `test`, the x and y of test rows of your
        own, all of them for training; the other settings are RunConfig's. Raises ValueError as both do.

        >>> x = np.linspace(-1, 1, 500)[:, None]
        >>> config = RunConfig.from_arrays(x, x[:, 0] ** 2, hidden=(8,), test_fraction=0)
        >>> config.n_train, config.source.task
        (500, 'regression')
        """
        from nncore.data.arrays import choice_of

        for name in ("dataset", "table"):
            if name in settings:
                raise ValueError(f"{name} follows from x and y: leave it out; got {reprlib.repr(settings[name])}")
        if test is not None and "test_fraction" in settings:
            raise ValueError(
                f"give test_fraction or test rows, not both; got test_fraction {settings['test_fraction']}"
            )
        choice = choice_of(x, y, task, test)
        n_rows, most = choice.rows().n_rows - choice.rows().n_test, MOST_SAMPLES
        if n_rows > most and "n_samples" not in settings:
            raise ValueError(
                f"x must have at most {most:,} rows, or n_samples say how many of them to draw; got {n_rows:,} rows"
            )
        return RunConfig.from_dict({"n_samples": n_rows, **settings, "dataset": TABLE, "table": choice})

    # What the names stand for -------------------------------------------------------------------------------

    @property
    def source(self) -> Dataset:
        """The data set behind the name."""
        if self.dataset == GIVEN:
            return given_dataset(self.rows)
        return self.choice.dataset if self.dataset == TABLE else DATASETS[self.dataset]

    @property
    def choice(self) -> TableChoice:
        """Target, inputs and task of an uploaded table; raises ValueError where there is none."""
        if not isinstance(self.table, TableChoice):
            raise ValueError("the data set table needs a table: read one and choose its target and inputs")
        return self.table

    @property
    def depth(self) -> int:
        """Hidden layers."""
        return len(self.hidden)

    @property
    def loss_name(self) -> str:
        """The loss, with "auto" resolved for the data set and the output's activation."""
        if self.loss != "auto":
            return self.loss
        if self.output != "linear":
            return "mse"
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
        return Layout((dataset.n_features + len(self.features), *self.hidden, max(outputs, dataset.n_targets)))

    def activations(self) -> tuple[Activation, ...]:
        """The activation of each hidden layer, with this config's alpha."""
        names = self.activation if isinstance(self.activation, tuple) else (self.activation,) * self.depth
        found = (ACTIVATIONS[name] for name in names)
        return tuple(phi if self.alpha is None or phi.alpha is None else phi.with_alpha(self.alpha) for phi in found)

    def network(self) -> MLP:
        """The network that is trained."""
        return MLP(self.layout(), self.activations(), self.normalization, self.skip)

    def output_activation(self) -> Activation:
        """The activation of the output layer, with this config's alpha."""
        phi = ACTIVATIONS[self.output]
        return phi if self.alpha is None or phi.alpha is None else phi.with_alpha(self.alpha)

    def loss_function(self) -> Loss:
        """The loss that is minimized, of the output layer's z: its activation is part of it."""
        loss = LOSSES[self.loss_name]
        return loss if self.output == "linear" else ThroughActivation(loss, self.output_activation())

    def layer_biases(self) -> tuple[str, ...]:
        """What becomes of the biases of each layer, the output last: learned, fixed or none.

        >>> RunConfig(hidden=(4, 3), biases="fixed").layer_biases()
        ('fixed', 'fixed', 'fixed')
        """
        return self.biases if isinstance(self.biases, tuple) else (self.biases,) * (self.depth + 1)

    def held(self) -> np.ndarray | None:
        """Mask (n_params,) of the parameters that training leaves alone; None where it moves them all."""
        held = self._biases_that_are("fixed", "none")
        return held if held.any() else None

    def make_optimizer(self) -> Optimizer:
        """The update rule with those settings that are its arguments; None leaves it its own default."""
        made = OPTIMIZERS[self.optimizer]
        arguments = inspect.signature(made).parameters
        given = {name: getattr(self, SETTING_OF.get(name, name), None) for name in arguments}
        return made(**{name: value for name, value in given.items() if value is not None})

    @property
    def used_epsilon(self) -> float | None:
        """The optimizer's epsilon, its own where none is set; None where it has none."""
        own = inspect.signature(OPTIMIZERS[self.optimizer]).parameters.get("epsilon")
        if own is None:
            return None
        return float(own.default) if self.epsilon is None else self.epsilon

    def make_schedule(self) -> Schedule | None:
        """Step -> factor on the learning rate; None when it stays constant."""
        schedule: Schedule | None = None
        if self.schedule == "step":
            schedule = step_decay(self.schedule_every, self.schedule_factor)
        elif self.schedule == "cosine":
            schedule = cosine(self.steps, self.schedule_floor)
        if self.warmup_steps:
            return warmup(self.warmup_steps, schedule or constant)
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
            choice = self.choice
            return choice.loaded(key, lambda: _load(choice.dataset, *key))
        return _load_shared(self.source if self.dataset == GIVEN else self.dataset, *key)

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Targets as the loss wants them: class indices, 0/1 columns, or numbers of this run's float type."""
        encoded = encode_targets(y, self.source.task, self.loss_name, self.class_count)
        return encoded if encoded.dtype.kind == "i" else encoded.astype(self.dtype)

    def initial_theta(self, cancelled: Callable[[], bool] = lambda: False) -> Array:
        """The first parameters. LSUV looks at the training rows.

        `cancelled()` is asked before every layer; raises StoppedEarly, a ValueError, when it is true.
        """
        if self.theta:
            return self._with_biases(np.array(self.theta)).astype(self.dtype)
        initializer = self.initializer()
        theta = initializer.theta(
            _rng(self.seed, "init"),
            self.network(),
            self.data().x_train,
            gain=self.gain,
            scale=None if initializer.default_scale is None else self.init_scale,
            bias_std=self.bias_std,
            cancelled=cancelled,
        )
        return self._with_biases(theta).astype(self.dtype)

    def initializer(self) -> Initializer:
        """The initializer of the weights, U(init_low, init_high) where one of these is given."""
        ends = self.init_ends
        return INITIALIZERS[self.init] if ends is None else uniform_between(*ends)

    @property
    def init_ends(self) -> tuple[float, float] | None:
        """Where uniform weights lie, the lower end first, where an end is given: the other is then 0 unless it is, too."""
        if self.init != "uniform" or (self.init_low is None and self.init_high is None):
            return None
        low, high = sorted((self.init_low or 0.0, self.init_high or 0.0))
        return low, high

    def _with_biases(self, theta: Array) -> Array:
        """theta with its biases 0 where a layer has none."""
        theta[self._biases_that_are("none")] = 0.0
        return theta

    def _biases_that_are(self, *kinds: str) -> np.ndarray:
        """Mask (n_params,) of the biases of the layers of these kinds."""
        layout = self.layout()
        mask = np.zeros(layout.n_params, bool)
        for (_, bias), kind in zip(layout.split(mask), self.layer_biases(), strict=True):
            bias[...] = kind in kinds
        return mask

    def batches(self) -> Iterator[np.ndarray] | None:
        """Row indices of every step: a new seeded order each epoch, whose rest that fills no batch sits out; None for full batch."""
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
        if isinstance(self.biases, tuple) and len(self.biases) != self.depth + 1:
            raise ValueError(
                f"biases must be one of {', '.join(BIASES)}, or one for each of the {self.depth + 1} layers, the output "
                f"last; got {len(self.biases)}"
            )
        self._check_output_and_start()
        dataset.check_features(self.features)
        n_outputs(dataset.task, self.loss_name, self.class_count)
        if self.n_samples < self.class_count:
            raise ValueError(
                f"n_samples must be at least {self.class_count}, the classes of {self.dataset}; got {self.n_samples}"
            )
        if self.nesterov and self.momentum == 0 and self.optimizer == "sgd":
            raise ValueError("nesterov needs a momentum above 0; got momentum 0")
        rows = min(self.n_samples, dataset.max_samples or self.n_samples)
        if rows * (1 - self.test_fraction) < 2 and dataset.test_rows is None:
            raise ValueError(
                f"at least 2 training rows are needed; n_samples {rows} with test_fraction "
                f"{self.test_fraction} leaves fewer"
            )

    def _check_output_and_start(self) -> None:
        if self.output != "linear":
            self.output_activation()
            if LOSSES[self.loss_name].targets != "values":
                raise ValueError(
                    f"output must be linear for {self.loss_name}, which puts its own function on z; got {self.output!r} "
                    "(mse takes any)"
                )
        if self.theta and len(self.theta) != self.layout().n_params:
            raise ValueError(
                f"theta must have the {self.layout().n_params:,} parameters of widths {self.layout().widths}; "
                f"got {len(self.theta):,}"
            )


def in_a_call(settings: Mapping[str, Any]) -> str:
    """Settings as the arguments of a call."""
    return ", ".join(f"{name}={_literal(value)}" for name, value in settings.items())


def _literal(value: Any) -> str:
    same = isinstance(value, tuple) and len(value) > 3 and len(set(value)) == 1
    return f"({value[0]!r},) * {len(value)}" if same else repr(value)


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


_load_shared = cached(LRUCache(DATA_BYTES, getsizeof=_nbytes), lock=threading.Lock())(_load)
