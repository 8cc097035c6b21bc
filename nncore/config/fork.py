"""A fork is a run that goes on from a step of another one, with settings changed or theta edited by hand."""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from nncore.config.edits import Edit, edit_from_dict
from nncore.config.run_config import RunConfig, in_a_call
from nncore.model.layout import Array
from nncore.numerics.choices import choose

KEPT = tuple(
    field.name
    for field in RunConfig.fields()
    if field.metadata["group"] in ("data", "initialization") or field.name in ("hidden", "seed", "dtype", "probe_size")
)
"""Settings of the parent that a fork keeps: its rows, noise included, its first theta, shape, seed and probe. Other
rows would make two losses that cannot be compared; another initializer would change nothing."""

CHANGEABLE = tuple(field.name for field in RunConfig.fields() if field.name not in KEPT)
"""Settings that a fork may change."""

MOST_GENERATIONS = 50
"""How many forks of forks there may be in a line."""


@dataclass(frozen=True, init=False, repr=False)
class Fork(RunConfig):
    """A run that takes theta, optimizer state, seed and batches of step `at` of `parent` and goes on to step `steps`.

    Settings not given are the parent's; those in `CHANGEABLE` may differ. It is a RunConfig, so that whatever
    takes a config takes a fork, and a fork's parent may be a fork. With nothing changed it reproduces its
    parent bit for bit. What is carried over, exactly:

    - theta as it was at step `at`, before that step's update; then the `edits`, in order.
    - the optimizer's state, unless the optimizer itself changes: then it starts fresh. A momentum that is switched
      on starts fresh too. Edits leave it alone: with momentum, an edited weight still feels its gradients of before.
    - step numbers: they go on from `at`, and so do schedules and warm-up.
    - batches: step k takes the rows that a run of this batch size takes at step k, so an unchanged size goes
      on with the parent's own stream.

    Raises ValueError where RunConfig does, when `at` is not a step of the parent, when a setting that is kept or a loss
    with another number of outputs would change, or when an edit does not fit the network.

    >>> from nncore import Fork, RunConfig, ScaleLayer, run
    >>> parent = RunConfig(hidden=(8,) * 3, optimizer="adam", learning_rate=0.01, steps=60)
    >>> same, slower = Fork(parent, at=20), Fork(parent, at=20, learning_rate=0.001)
    >>> bool((run(same).theta == run(parent).theta[20:]).all())
    True
    >>> slower.changes, run(slower).step[[0, -1]].tolist()
    ({'learning_rate': 0.001}, [20, 60])
    >>> Fork(slower, at=40, edits=[ScaleLayer(layer=2, factor=0.5)]).learning_rate
    0.001
    """

    parent: RunConfig = dataclasses.field(kw_only=True)
    at: int = dataclasses.field(kw_only=True)
    edits: tuple[Edit, ...] = dataclasses.field(kw_only=True)

    def __init__(
        self, parent: RunConfig, at: int, edits: Iterable[Edit | Mapping[str, Any]] = (), **changes: Any
    ) -> None:
        if not isinstance(parent, RunConfig):
            raise ValueError(f"the parent of a fork must be a RunConfig; got {reprlib.repr(parent)}")
        settings = {field.name: getattr(parent, field.name) for field in RunConfig.fields()}
        known = {choose("setting", name, settings.keys()): value for name, value in changes.items()}
        made = tuple(edit if isinstance(edit, Edit) else edit_from_dict(edit) for edit in edits)
        for name, value in (("parent", parent), ("at", at), ("edits", made)):
            object.__setattr__(self, name, value)
        super().__init__(**{**settings, **known})

    def to_dict(self) -> dict[str, Any]:
        """All settings, the parent's description, the step and the edits as JSON-able values."""
        edits = [edit.to_dict() for edit in self.edits]
        return {**super().to_dict(), "parent": self.parent.to_dict(), "at": self.at, "edits": edits}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Fork:
        """The fork that `to_dict` described; raises ValueError on a name it does not know or one that is missing."""
        names = [field.name for field in dataclasses.fields(Fork)]
        known = {choose("setting", name, names): value for name, value in settings.items()}
        for name in ("parent", "at"):
            if name not in known:
                raise ValueError(f"a fork must say what it forks and at which step; got no {name!r}")
        edits = known.pop("edits", ())
        if not isinstance(edits, (list, tuple)):
            raise ValueError(f"edits must be a list; got {reprlib.repr(edits)}")
        return cls(RunConfig.from_dict(known.pop("parent")), known.pop("at"), edits, **known)

    @property
    def first_step(self) -> int:
        """The step that the fork begins at."""
        return self.at

    @property
    def generation(self) -> int:
        """1 for the fork of a run, 2 for a fork of that, and so on."""
        return 1 + (self.parent.generation if isinstance(self.parent, Fork) else 0)

    @property
    def changes(self) -> dict[str, Any]:
        """The settings in which the fork differs from its parent, with their new values."""
        return {name: getattr(self, name) for name in CHANGEABLE if getattr(self, name) != getattr(self.parent, name)}

    @property
    def changed(self) -> dict[str, Any]:
        """As `changes`: what differs from the parent."""
        return self.changes

    def __repr__(self) -> str:
        """The call that makes it: its parent, its step, its edits, and what differs from its parent."""
        edits = {"edits": list(self.edits)} if self.edits else {}
        return f"Fork({in_a_call({'parent': self.parent, 'at': self.at, **edits, **self.changes})})"

    def from_the_start(self) -> RunConfig:
        """A run that has the fork's settings from step 0 on, without parent and edits."""
        return RunConfig(**{field.name: getattr(self, field.name) for field in RunConfig.fields()})

    def initial_theta(self, cancelled: Callable[[], bool] = lambda: False) -> Array:
        """The first parameters of the run that it all began with, at step 0."""
        return self.parent.initial_theta(cancelled)

    def edited(self, theta: Array) -> Array:
        """A copy of theta with the edits made."""
        theta = np.array(theta)
        for edit in self.edits:
            edit.apply(self.layout(), theta)
        return theta

    def batches(self) -> Iterator[np.ndarray] | None:
        """Row indices of every step from `at` on; None for full batch."""
        batches = super().batches()
        return None if batches is None else islice(batches, self.at, None)

    def _check_together(self) -> None:
        super()._check_together()
        whole = isinstance(self.at, (int, np.integer)) and not isinstance(self.at, bool)
        first, last = self.parent.first_step, self.parent.steps
        if not whole or not first <= self.at <= last:
            raise ValueError(
                f"a fork must begin at a step of its parent, {first} to {last:,}; got {reprlib.repr(self.at)}"
            )
        object.__setattr__(self, "at", int(self.at))
        if self.generation > MOST_GENERATIONS:
            raise ValueError(f"there may be at most {MOST_GENERATIONS} forks of forks in a line; got {self.generation}")
        if self.steps < self.at:
            raise ValueError(f"steps must be at least {self.at}, where the fork begins; got {self.steps}")
        for name in KEPT:
            ours, theirs = getattr(self, name), getattr(self.parent, name)
            if ours != theirs:
                raise ValueError(
                    f"a fork keeps its parent's {name}, {reprlib.repr(theirs)}; got {reprlib.repr(ours)} "
                    f"(it may change {', '.join(CHANGEABLE)})"
                )
        if self.layout() != self.parent.layout():
            raise ValueError(
                f"a fork's loss must have as many outputs as its parent's {self.parent.loss_name}, "
                f"{self.parent.layout().widths[-1]}; {self.loss_name} has {self.layout().widths[-1]}"
            )
        for edit in self.edits:
            edit.check(self.layout())
