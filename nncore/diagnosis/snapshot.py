"""What the rules look at: the measurements of one history at one record, each taken once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from nncore.diagnosis.float_types import underflow
from nncore.diagnosis.flows import Flow, flow_of
from nncore.diagnosis.loss_course import LossCourse
from nncore.history.history import History
from nncore.measures import OVER_TIME, per_layer
from nncore.model.layout import Array
from nncore.numerics.safe_norm import norm

WINDOW = 10
"""Updates that a statement about updates needs, and the last ones that "now" means."""

LAYER_NAMES = ("delta_norm", "weight_gradient_norm", "weight_norm", "signal", "saturated_fraction", "dead_fraction")


class Snapshot:
    """The measurements of `history` at `record` and at its first record; everything (n_layers,)."""

    def __init__(
        self,
        history: History,
        record: int,
        measured: Mapping[str, Array] | None = None,
        sentences: bool = True,
        without_zeros: bool = False,
    ) -> None:
        """`measured`: LAYER_NAMES at the first record and at this one, (2, n_layers) each, if taken already.

        Without `sentences` what is read for the words alone is left out: for sweeps, which keep none. `without_zeros`: no
        δ of this record is 0, as somebody who has replayed it knows.
        """
        self._without_zeros = without_zeros
        self.sentences = sentences
        self.history, self.record = history, range(len(history))[record]
        self.n_layers = history.layout.n_layers
        self._measured = measured

    @cached_property
    def measured(self) -> Mapping[str, Array]:
        """LAYER_NAMES at the first record and at this one."""
        if self._measured is not None:
            return self._measured
        return per_layer(self.history, LAYER_NAMES, np.array([0, self.record])).values

    def now(self, name: str) -> Array:
        """A quantity at this record."""
        return self.measured[name][1]

    def first(self, name: str) -> Array:
        """A quantity at the first record."""
        return self.measured[name][0]

    @cached_property
    def course(self) -> LossCourse:
        """How the loss went up to this record."""
        return LossCourse(self.history, self.record)

    @cached_property
    def at_start(self) -> Snapshot:
        """The same history at its first record."""
        if self.record == 0:
            return self
        first = {name: values[[0, 0]] for name, values in self.measured.items()}
        return Snapshot(self.history, 0, first, self.sentences)

    @cached_property
    def training_gradient(self) -> Array:
        """‖∂E/∂W‖ of each layer in the batches that trained, the median of WINDOW records; penalties excluded."""
        records = slice(max(self.record + 1 - WINDOW, 0), self.record + 1)
        config, layout = self.history.config, self.history.layout
        grad, theta = self.history.grad[records], self.history.theta[records]
        pairs = zip(layout.split(grad), layout.split(theta), strict=True)
        norms = [
            norm((own - config.l1 * np.sign(weight) - 2 * config.l2 * weight).reshape(len(own), -1))
            for (own, _), (weight, _) in pairs
        ]
        return np.median(norms, axis=1)

    @cached_property
    def flow(self) -> Flow:
        """δ norms at this record and what they amount to."""
        return flow_of(self.now("delta_norm"))

    @cached_property
    def underflow(self) -> Array:
        """Share of each layer's δ that is 0 only because it is too small for its float type."""
        return np.zeros(self.n_layers) if self._without_zeros else underflow(self.history, self.record)

    @cached_property
    def recent_updates(self) -> Array:
        """Median update ratio of the last WINDOW recorded updates before this record; NaN for fewer."""
        return self._updates(self._recent, np.median, np.nanmedian)

    @cached_property
    def largest_updates(self) -> Array:
        """Largest update ratio before this record, on evenly spread records; NaN for fewer than WINDOW."""
        return self._updates(self._spread, np.max, np.nanmax)

    @property
    def _recent(self) -> np.ndarray:
        """The last WINDOW records before this one."""
        return np.arange(max(self.record - WINDOW, 0), self.record)

    @property
    def _spread(self) -> np.ndarray:
        """Records before this one, evenly spread."""
        return np.unique(np.linspace(0, self.record - 1, min(self.record, OVER_TIME)).astype(int))

    @cached_property
    def _update_ratios(self) -> tuple[np.ndarray, Array]:
        """(records, ratios): those of both, measured together; (n,) and (n, n_layers)."""
        records = np.union1d(self._recent, self._spread)
        if not len(records):
            return records, np.full((0, self.n_layers), np.nan)
        return records, per_layer(self.history, "update_ratio", records)["update_ratio"]

    @cached_property
    def twins(self) -> Array:
        """Share of each hidden layer's units that do exactly what another one does; 0 for the output layer."""
        layers = self.history.layout.split(self.history.theta[self.record])
        shares = np.zeros(self.n_layers)
        for index in range(self.n_layers - 1):
            (weight, bias), (outgoing, _) = layers[index], layers[index + 1]
            shares[index] = share_of_twins(np.concatenate([bias[None], weight, outgoing.T]))
        return shares

    def _updates(self, records: np.ndarray, pooled: Callable[..., Array], known_ones: Callable[..., Array]) -> Array:
        """Per layer over the records; `known_ones` leaves NaN out, and is much slower where there is none."""
        there, measured = self._update_ratios
        ratios = measured[np.searchsorted(there, records)]
        known = np.isfinite(ratios).sum(axis=0)
        found = np.full(self.n_layers, np.nan)
        enough = known >= WINDOW
        if enough.any():
            way = pooled if known.min() == len(ratios) else known_ones
            found[enough] = way(ratios[:, enough], axis=0)
        return found


def share_of_twins(units: Array) -> float:
    """Share of columns that another column equals to √ε of its largest entry.

    Incoming weights, bias and outgoing weights of a unit make one column (n, n_units): two equal units then
    compute the same, receive the same gradient, and stay equal.

    >>> share_of_twins(np.array([[1.0, 1.0, 2.0], [3.0, 3.0, 3.0]])).__round__(3)
    0.667
    """
    n_units = units.shape[1]
    if n_units < 2 or not np.isfinite(units).all():
        return 0.0
    view = np.sin(np.arange(1, len(units) + 1)).astype(units.dtype)
    ordered = units[:, np.argsort(view @ units, kind="stable")]
    scale = np.maximum(np.abs(ordered).max(axis=0), np.finfo(units.dtype).tiny)
    gap = np.abs(np.diff(ordered, axis=1)).max(axis=0)
    equal = gap <= np.sqrt(np.finfo(units.dtype).eps) * np.maximum(scale[1:], scale[:-1])
    twin = np.zeros(n_units, bool)
    twin[1:] |= equal
    twin[:-1] |= equal
    return float(twin.mean())
