"""The settings of a run: names and numbers, each with its default, its help and the check that it passes."""

from __future__ import annotations

import dataclasses
import reprlib
from collections import ChainMap
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from nncore.data import DATASETS
from nncore.data.features import FEATURES
from nncore.data.given import GIVEN, given_rows, rows_as_text
from nncore.data.table import TableChoice
from nncore.model.activations import ACTIVATIONS
from nncore.model.initializers import INITIALIZERS
from nncore.model.losses import LOSSES
from nncore.model.normalization import NORMALIZATIONS
from nncore.model.optimizers import OPTIMIZERS
from nncore.numerics.choices import UnknownName, choose

TABLE = "table"
"""The data set that is a person's own."""

BIASES = ("learned", "fixed", "none")
SCHEDULES = ("constant", "step", "cosine")
DTYPES = ("float64", "float32")
LOSS_CHOICES: Mapping[str, Any] = ChainMap[str, Any](LOSSES, {"auto": None})
DATASET_CHOICES: Mapping[str, Any] = ChainMap[str, Any]({GIVEN: None, TABLE: None}, DATASETS)
"""Names of a registry, what is registered later included, and a name that stands for no entry of it."""

REGISTERED = {
    "activation": "ACTIVATIONS",
    "output": "ACTIVATIONS",
    "init": "INITIALIZERS",
    "loss": "LOSSES",
    "optimizer": "OPTIMIZERS",
    "dataset": "DATASETS",
}
"""Setting -> what the registry of its names is called in nncore."""

MOST_SAMPLES = 20_000
"""Rows that a config may have."""

MOST_NUMBERS = 1000
"""Parameters that a config may give by themselves."""

MOST_LAYERS = 200
"""Hidden layers that a config may have."""

LEARNING_RATES = tuple(float(f"{digit}e{power}") for power in range(-6, 4) for digit in (1, 2, 3, 5))
"""Learning rates to choose from, four a decade: those of the dashboard's slider, and of what a remedy may set."""

LONGEST_TEXT = 4000
"""Characters of a setting's text: enough for an activation in each layer, for every input of a wide table, and for a
textbook's θ."""


def setting(
    default: Any,
    group: str,
    help: str,
    *,
    kind: str | None = None,
    choices: Collection[str] | None = None,
    low: float | None = None,
    high: float | None = None,
    whole: bool = False,
) -> Any:
    """A field of Settings with what a check, a widget and a command line need to know of it.

    `choices` may be a registry: what is registered later is among them.
    `kind` is a key of KINDS; by default "flag" for True and False, "name" where there are choices, else "number".
    """
    if kind is None:
        kind = "flag" if isinstance(default, bool) else "number" if choices is None else "name"
    facts = {"group": group, "help": help, "kind": kind, "choices": choices, "low": low, "high": high, "whole": whole}
    return dataclasses.field(default=default, metadata=_Facts(facts))


class _Facts(Mapping[str, Any]):
    """What is known of a setting; a registry's names are read when asked for, those registered since included."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts

    def __getitem__(self, name: str) -> Any:
        value = self._facts[name]
        return tuple(value) if name == "choices" and value is not None else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)


@dataclass(frozen=True)
class Settings:
    """Every setting by itself; what they stand for and whether they go together is RunConfig's.

    Raises ValueError on an unknown name or a number out of range.
    """

    dataset: str = setting("moons", "data", "The problem to learn.", choices=DATASET_CHOICES)
    table: TableChoice | str = setting(
        "", "data", "Content, target and inputs of an uploaded table, for the data set table.", kind="table"
    )
    rows: str = setting(
        "",
        "data",
        "Rows for the data set given: inputs : targets, with ; between, 0.05, 0.1 : 0.01, 0.99.",
        kind="rows",
    )
    n_samples: int = setting(
        400,
        "data",
        "Rows in all, training and test; a real data set gives at most what it has.",
        low=4,
        high=MOST_SAMPLES,
        whole=True,
    )
    noise: float = setting(0.1, "data", "Spread added to a toy problem: more noise, harder to fit.", low=0, high=2)
    n_classes: int = setting(3, "data", "Classes of the blobs.", low=2, high=10, whole=True)
    test_fraction: float = setting(0.2, "data", "Share of the rows kept for testing.", low=0, high=0.9)
    standardize: bool = setting(True, "data", "Bring inputs to mean 0 and deviation 1, fitted on training rows.")
    features: tuple[str, ...] = setting(
        (), "data", "Further inputs for data that has two, made of them.", choices=tuple(FEATURES), kind="names"
    )

    hidden: tuple[int, ...] = setting(
        (32,) * 10,
        "network",
        "Units of each hidden layer, input side first; deeper means more factors in the chain.",
        kind="widths",
        low=1,
        high=4096,
        whole=True,
    )
    activation: str | tuple[str, ...] = setting(
        "tanh",
        "network",
        "Non-linearity of the hidden layers, one for all or one each; its slope multiplies delta.",
        kind="name or names",
        choices=ACTIVATIONS,
    )
    alpha: float | None = setting(
        None,
        "network",
        "Negative slope of leaky_relu, or alpha of elu: larger lets more gradient through.",
        low=0,
        high=10,
    )
    output: str = setting(
        "linear",
        "network",
        "Activation of the output layer, for a loss of values such as mse; its slope is the first factor of δ.",
        choices=ACTIVATIONS,
    )
    biases: str | tuple[str, ...] = setting(
        "learned",
        "network",
        "Biases are learned, stay as they begin (fixed), or are 0 and stay so (none), one for all or one each.",
        kind="name or names",
        choices=BIASES,
    )
    normalization: str = setting(
        "none",
        "network",
        "Normalize z over the batch or over the layer, without parameters.",
        choices=tuple(NORMALIZATIONS),
    )
    skip: bool = setting(False, "network", "Add a layer's input to its output where widths agree.")

    init: str = setting("xavier_normal", "initialization", "Distribution of the first weights.", choices=INITIALIZERS)
    gain: float = setting(
        1.0,
        "initialization",
        "Multiplies the initializer's standard deviation: more gain, larger signal and gradient.",
        low=0,
        high=100,
    )
    init_scale: float | None = setting(
        None,
        "initialization",
        "The value of constant, the deviation of normal, the half-width of uniform.",
        low=0,
        high=100,
    )
    init_low: float | None = setting(
        None,
        "initialization",
        "Weights of uniform from this on, U(a, b); 0 where only the other end is given.",
        low=-100,
        high=100,
    )
    init_high: float | None = setting(
        None,
        "initialization",
        "Weights of uniform up to this, U(a, b); 0 where only the other end is given.",
        low=-100,
        high=100,
    )
    theta: tuple[float, ...] = setting(
        (),
        "initialization",
        "The first θ itself, θ0, θ1, …: each layer's biases, then its weights row by row; none to draw it.",
        kind="numbers",
        low=-1e6,
        high=1e6,
    )
    bias_std: float = setting(
        0.0, "initialization", "Standard deviation of the first biases: shifts units into saturation.", low=0, high=100
    )

    loss: str = setting(
        "auto", "training", "What is minimized; auto fits the data: mse, bce or cross_entropy.", choices=LOSS_CHOICES
    )
    optimizer: str = setting("sgd", "training", "The update rule.", choices=OPTIMIZERS)
    learning_rate: float = setting(0.1, "training", "Step size: larger moves faster, then diverges.", low=0, high=1e6)
    momentum: float = setting(0.0, "training", "Share of the last step kept by sgd.", low=0, high=0.9999)
    nesterov: bool = setting(False, "training", "Look ahead along the momentum before stepping (sgd).")
    rms_alpha: float = setting(0.99, "training", "Memory of rmsprop's mean of squares.", low=0, high=0.999999)
    beta_1: float = setting(0.9, "training", "Memory of adam's mean gradient.", low=0, high=0.999999)
    beta_2: float = setting(0.999, "training", "Memory of adam's mean square.", low=0, high=0.999999)
    epsilon: float | None = setting(
        None, "training", "Added to the root in adaptive optimizers: larger damps tiny gradients.", low=0, high=1
    )
    weight_decay: float | None = setting(
        None,
        "training",
        "Pull of every theta towards 0: added to the gradient, apart from it in adamw.",
        low=0,
        high=10,
    )
    schedule: str = setting("constant", "training", "How the learning rate changes over the run.", choices=SCHEDULES)
    schedule_every: int = setting(
        100, "training", "Steps between two cuts of the step schedule.", low=1, high=1_000_000, whole=True
    )
    schedule_factor: float = setting(0.5, "training", "Factor of each cut of the step schedule.", low=0, high=1)
    schedule_floor: float = setting(0.0, "training", "Share of the rate that cosine ends at.", low=0, high=1)
    warmup_steps: int = setting(
        0, "training", "Steps over which the rate rises from 0.", low=0, high=1_000_000, whole=True
    )
    batch_size: int = setting(
        0, "training", "Rows in a step, shuffled anew each epoch; 0 takes them all.", low=0, high=20_000, whole=True
    )
    steps: int = setting(200, "training", "Updates to take.", low=0, high=1_000_000, whole=True)
    l1: float = setting(0.0, "training", "Penalty l1 sum|w|: drives weights to 0.", low=0, high=10)
    l2: float = setting(0.0, "training", "Penalty l2 sum w²: shrinks weights.", low=0, high=10)
    clip_norm: float | None = setting(
        None, "training", "Longest gradient that the optimizer is given; tames explosions.", low=1e-12, high=1e12
    )
    clip_value: float | None = setting(
        None, "training", "Largest gradient entry that the optimizer is given.", low=1e-12, high=1e12
    )
    seed: int = setting(0, "training", "Decides data, first weights and batches.", low=0, high=2**32 - 1, whole=True)
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

    @classmethod
    def fields(cls) -> tuple[dataclasses.Field[Any], ...]:
        """Every setting, with its group, help, kind, choices and range in `metadata`; the same for a fork."""
        return dataclasses.fields(Settings)

    @classmethod
    def check(cls, name: str, value: Any) -> Any:
        """The value as the setting keeps it; raises ValueError on an unknown name or a value it never takes.

        >>> Settings.check("gain", 2)
        2.0
        """
        return _checked(_field(name), value)

    @classmethod
    def parse(cls, name: str, text: str) -> Any:
        """The value that a text spells, be it typed, in an address or on a command line; `Settings.text` writes it.

        A flag is true or false; a list has commas or semicolons between, and 32x10 are ten widths of 32. What may be
        empty is so as none or as no text at all. Raises ValueError as `check` does, and on more than `LONGEST_TEXT`
        characters.

        >>> Settings.parse("hidden", "64, 32x2"), Settings.parse("clip_norm", "none"), Settings.parse("skip", "true")
        ((64, 32, 32), None, True)
        """
        field = _field(name)
        kind = KINDS[field.metadata["kind"]]
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"{name} is too long: {len(text):,} characters, and {LONGEST_TEXT:,} are allowed")
        if text.lower() in ("", "none") and (field.default is None or kind.empty is not None):
            return kind.empty
        return _checked(field, kind.read(name, text))

    @classmethod
    def text(cls, name: str, value: Any) -> str:
        """The text that `Settings.parse` reads as this value; raises ValueError as `check` does.

        One activation in a list keeps its comma: the list stands for a single layer, the name for all.

        >>> Settings.text("hidden", (64, 32, 32)), Settings.text("clip_norm", None), Settings.text("skip", True)
        ('64,32x2', 'none', 'true')
        >>> Settings.text("activation", ("tanh",)), Settings.text("l1", 1e-7)
        ('tanh,', '1e-07')
        """
        value, kind = cls.check(name, value), KINDS[_field(name).metadata["kind"]]
        return "none" if value is None or value == kind.empty else kind.write(value)

    def to_dict(self) -> dict[str, Any]:
        """All settings as JSON-able values; a fork's parent, step and edits as well."""
        return {field.name: plain(getattr(self, field.name)) for field in self.fields()}


def plain(value: Any) -> Any:
    """A setting's value as JSON has it: several in a list, a table's choice as its text."""
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, TableChoice) else value


# What a setting of each kind may be -------------------------------------------------------------------------


def _field(name: str) -> dataclasses.Field[Any]:
    return choose("setting", name, {field.name: field for field in Settings.fields()})


def _checked(field: dataclasses.Field[Any], value: Any) -> Any:
    """The value in its field's own type; raises ValueError when it does not fit the field's facts."""
    if value is None and field.default is None:
        return None
    return KINDS[field.metadata["kind"]].check(field.name, _plain(value), field.metadata)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def _flag(name: str, value: Any, facts: Mapping[str, Any]) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False; got {reprlib.repr(value)}")
    return value


def number_within(name: str, value: Any, low: float, high: float, whole: bool) -> float | int:
    """A value as a number from low to high, a whole one if `whole`; raises ValueError where it is none."""
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not fits or not low <= value <= high or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        ends = (f"{each:g}" if isinstance(each, float) else f"{each:,}" for each in (low, high))
        raise ValueError(f"{name} must be {kind} from {' to '.join(ends)}; got {reprlib.repr(value)}")
    return int(value) if whole else float(value) + 0.0  # -0.0 equals 0.0 and must give the same bits


def _number(name: str, value: Any, facts: Mapping[str, Any]) -> float | int:
    return number_within(name, value, facts["low"], facts["high"], facts["whole"])


def _numbers(name: str, value: Any, facts: Mapping[str, Any]) -> tuple[float | int, ...]:
    if not isinstance(value, (tuple, list)) or len(value) > MOST_NUMBERS:
        raise ValueError(f"{name} must be at most {MOST_NUMBERS:,} numbers; got {reprlib.repr(value)}")
    return tuple(_number(name, _plain(each), facts) for each in value)


def _widths(name: str, value: Any, facts: Mapping[str, Any]) -> tuple[float | int, ...]:
    if not isinstance(value, (tuple, list)) or len(value) > MOST_LAYERS:
        raise ValueError(
            f"{name} must be a tuple of at most {MOST_LAYERS} widths, input side first; got {reprlib.repr(value)}"
        )
    return tuple(_number(name, _plain(width), facts) for width in value)


def _name(name: str, value: Any, facts: Mapping[str, Any]) -> str:
    if name in REGISTERED and not isinstance(value, str):
        arrays = "; arrays go to nncore.fit(x, y) or RunConfig.from_arrays(x, y)" if name == "dataset" else ""
        hint = f" (one of your own is registered first, with nncore.{REGISTERED[name]}.register{arrays})"
        raise UnknownName(name, value, facts["choices"], hint)
    return choose(name, value, facts["choices"])


def _name_or_names(name: str, value: Any, facts: Mapping[str, Any]) -> str | tuple[str, ...]:
    if isinstance(value, (tuple, list)):
        return tuple(_name(name, each, facts) for each in value)
    return _name(name, value, facts)


def _names(name: str, value: Any, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """A set of the choices, in their order."""
    given = value if isinstance(value, (tuple, list)) else (value,)
    known = {_name(name, each, facts) for each in given}
    return tuple(each for each in facts["choices"] if each in known)


def _rows(name: str, value: Any, facts: Mapping[str, Any]) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, such as 0.05, 0.1 : 0.01, 0.99; got {reprlib.repr(value)}")
    return rows_as_text(given_rows(value)) if value.strip() else ""


def _table(name: str, value: Any, facts: Mapping[str, Any]) -> TableChoice | str:
    if isinstance(value, TableChoice) or value == "":
        return value
    if not isinstance(value, str):
        raise ValueError(
            f"{name} must be text, what Table.choose returns, and arrays go to nncore.fit(x, y) or RunConfig.from_arrays(x, y); "
            f"got {reprlib.repr(value)}"
        )
    return TableChoice.parse(value)


# And how it is written ---------------------------------------------------------------------------------------


def number(name: str, text: str) -> Any:
    """The number that a text spells; a text that spells none as it is, for a check to refuse under its name."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _read_flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{name} must be true or false; got {reprlib.repr(text)}")
    return text.lower() == "true"


def _parts(name: str, text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace(";", ",").split(",") if part.strip())


def _read_name_or_names(name: str, text: str) -> str | tuple[str, ...]:
    return _parts(name, text) if "," in text or ";" in text else text


def _read_numbers(name: str, text: str) -> tuple[Any, ...]:
    return tuple(number(name, part) for part in _parts(name, text))


def _write_numbers(values: tuple[float, ...]) -> str:
    """Each with the fewest digits that read back to it; whole ones without a point."""
    return ",".join(str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value) for value in values)


def _read_widths(name: str, text: str) -> tuple[int, ...]:
    widths: list[int] = []
    for part in _parts(name, text):
        width, times, count = part.partition("x")
        if not width.isdecimal() or (times and not count.isdecimal()):
            raise ValueError(
                f"{name} must be widths such as 64,32x2, whole numbers separated by commas; got {reprlib.repr(part)}"
            )
        widths += [int(width)] * (min(int(count), MOST_LAYERS + 1) if times else 1)
    return tuple(widths)


def _write_widths(widths: tuple[int, ...]) -> str:
    counts = ((width, len(list(same))) for width, same in groupby(widths))
    return ",".join(f"{width}x{count}" if count > 1 else str(width) for width, count in counts)


def _write_name_or_names(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ",".join(value) + "," * (len(value) < 2)


@dataclass(frozen=True)
class Kind:
    """What settings of one kind have in common: their check, and how they are read from text and written.

    `check(name, value, facts)` is the value as it is kept, `read(name, text)` a value for the check, `write(value)` its
    text. `empty` is the value of settings with nothing in them, where the kind has one besides None.
    """

    check: Callable[[str, Any, Mapping[str, Any]], Any]
    read: Callable[[str, str], Any] = lambda name, text: text
    write: Callable[[Any], str] = str
    empty: Any = None


KINDS = {
    "flag": Kind(_flag, _read_flag, lambda value: str(value).lower()),
    "number": Kind(_number, number),
    "name": Kind(_name),
    "name or names": Kind(_name_or_names, _read_name_or_names, _write_name_or_names),
    "names": Kind(_names, _parts, ",".join, empty=()),
    "numbers": Kind(_numbers, _read_numbers, _write_numbers, empty=()),
    "widths": Kind(_widths, _read_widths, _write_widths, empty=()),
    "rows": Kind(_rows, empty=""),
    "table": Kind(_table, lambda name, text: text.strip(), empty=""),
}
"""Kind of a setting -> its check and its text form."""
