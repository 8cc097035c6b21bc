"""The explorer's runs: every activation with every initializer, depth and gain of a grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from dashboard.state.address import FIRST_SIGHT
from dashboard.words.labels import label
from nncore import RunConfig

BASE = FIRST_SIGHT.replace(record_every=20)
"""What all runs of a grid share; its own values of the axes are those that the page opens on."""


@dataclass(frozen=True)
class Grid:
    """The values of each axis, and what the runs share. The page opens on the first value of each."""

    activation: tuple[str, ...]
    init: tuple[str, ...]
    depth: tuple[int, ...]
    gain: tuple[float, ...]
    base: RunConfig = BASE

    @property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        """The values of each axis as they stand in an address."""
        axes: dict[str, tuple[Any, ...]] = {
            "activation": self.activation,
            "init": self.init,
            "depth": self.depth,
            "gain": self.gain,
        }
        return {
            name: tuple(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
            for name, values in axes.items()
        }

    def __len__(self) -> int:
        return len(self.activation) * len(self.init) * len(self.depth) * len(self.gain)

    def configs(self) -> Iterator[tuple[str, RunConfig]]:
        """Each run's name, which host.js makes of the values too, and its config."""
        names = product(*self.axes.values())
        values = product(self.activation, self.init, self.depth, self.gain)
        for name, (activation, init, depth, gain) in zip(names, values, strict=True):
            hidden = (self.base.hidden[0],) * depth
            yield "-".join(name), self.base.replace(activation=activation, init=init, hidden=hidden, gain=gain)

    def controls(self) -> list[dict[str, Any]]:
        """The page's controls: key, label, values, and the one that it opens on."""
        own = {
            "activation": self.base.activation,
            "init": self.base.init,
            "depth": str(self.base.depth),
            "gain": f"{self.base.gain:g}",
        }
        return [
            {"key": key, "label": label(key), "values": values, "first": own[key] if own[key] in values else values[0]}
            for key, values in self.axes.items()
        ]

    def in_words(self) -> str:
        """What the runs share, and how many they are."""
        base = self.base
        return (
            f"{len(self):,} networks, each trained by nncore: {base.dataset}, {base.hidden[0]} units a layer, {base.steps:,} steps of "
            f"{base.optimizer}, learning rate {base.learning_rate:g}, seed {base.seed}."
        )


GRIDS = {
    "full": Grid(
        ("sigmoid", "tanh", "relu", "gelu"),
        ("xavier_normal", "he_normal", "lecun_normal"),
        (2, 6, 12, 20),
        (0.5, 1.0, 2.0, 4.0),
    ),
    "small": Grid(("sigmoid", "tanh"), ("xavier_normal",), (2, 4), (1.0,)),
}
"""What `nncore site --grid` offers."""
