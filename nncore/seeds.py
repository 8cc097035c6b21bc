"""One set-up under many seeds: percentiles of every quantity, which seeds diverged, where one of them stands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nncore.config.cost import estimate, initialization_seconds
from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig
from nncore.display.progress import attended
from nncore.display.shown import Shown
from nncore.history.history import Divergence, History
from nncore.measures import per_layer, performance
from nncore.measures.measurement import Measurement
from nncore.measures.outputs import SCORES
from nncore.model.initializers import StoppedEarly
from nncore.model.layout import Array
from nncore.theory import Prediction
from nncore.training import MEMORY_BUDGET
from nncore.training.many_runs import run_many, runs_at_once

MOST_SEEDS = 64

MEASURED_STEPS = 50
"""Steps of a run at which all its seeds are measured, the first and the last not counted."""

MOST_STEPS = 1_000_000
"""Steps that a run may have."""

STEPS_PER_MEASUREMENT = 1.5
"""What measuring one record costs, in full-batch training steps: set by hand near a timing of 51 records."""

PERCENTILES = {"p10": 10, "median": 50, "p90": 90}

SEED_QUANTITIES = (
    "delta_norm",
    "weight_gradient_norm",
    "update_ratio",
    "signal",
    "saturated_fraction",
    "inactive_fraction",
    "dead_fraction",
)


@dataclass(frozen=True)
class SeedRuns:
    """A config to be run with `n_seeds` seeds, its own and those that follow: hashable, a cache key.

    Raises ValueError when n_seeds is not a whole number from 1 to MOST_SEEDS.
    """

    config: RunConfig
    n_seeds: int

    def __post_init__(self) -> None:
        if not isinstance(self.n_seeds, (int, np.integer)) or not 1 <= self.n_seeds <= MOST_SEEDS:
            raise ValueError(f"n_seeds must be a whole number from 1 to {MOST_SEEDS}; got {self.n_seeds}")
        if isinstance(self.config, Fork):
            raise ValueError("a fork keeps its parent's seed, so that it cannot be run under many")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The config's seed, and those after it; after the largest comes 0."""
        return tuple((self.config.seed + place) % 2**32 for place in range(self.n_seeds))

    @property
    def steps(self) -> int:
        """Updates over all seeds."""
        return self.n_seeds * self.config.steps

    def plan(self, size: int = MEMORY_BUDGET) -> tuple[RunConfig, int]:
        """(the config as it is recorded, how many seeds are trained at once) within `size` bytes of history.

        At most about MEASURED_STEPS steps are recorded, all of them steps that the config itself records, and
        fewer where one block's histories need it. Raises ValueError when not even one seed's history fits.
        """
        config, at_once = self.config, min(runs_at_once(self.config), self.n_seeds)
        while True:
            budget = size // at_once
            fewest = max(config.steps / MEASURED_STEPS, config.fitting_record_every(budget) or 1, 1)
            every = config.record_every * math.ceil(fewest / config.record_every)
            planned = config.replace(record_every=min(every, MOST_STEPS))
            try:
                planned.check_memory(budget)
                return planned, at_once
            except ValueError:
                if at_once == 1:
                    raise
                at_once = at_once // 2

    def seconds(self) -> float:
        """Training and measuring all seeds on one core, to a factor of about three."""
        records = min(self.config.steps, MEASURED_STEPS)
        replayed = self.config.replace(steps=records, batch_size=0, record_every=1)
        measuring = estimate(replayed).seconds - initialization_seconds(replayed)
        return self.n_seeds * (estimate(self.config).seconds + STEPS_PER_MEASUREMENT * measuring)

    def check_budget(self, seconds: float, size: int) -> None:
        """Raise ValueError, with how many seeds would fit, when all together cost more than is allowed."""
        self.plan(size)
        needed = self.seconds()
        if needed > seconds:
            fitting = int(self.n_seeds * seconds / needed)
            raise ValueError(
                f"{self.n_seeds} seeds would take about {needed:,.0f} s and {seconds:,.0f} s are allowed: "
                + (f"take {fitting} or fewer" if fitting > 1 else "take fewer steps or a smaller network")
            )

    def history_bytes(self) -> int:
        """Memory of what is kept: the measurements, not the histories."""
        records, n_layers = min(self.config.steps, MEASURED_STEPS) + 2, self.config.layout().n_layers
        return 8 * self.n_seeds * records * (n_layers * len(SEED_QUANTITIES) + 5)


@dataclass(frozen=True, eq=False, repr=False)
class Seeds(Shown):
    """What was measured on every seed.

    layers: axes seed, step, layer; one value for each of SEED_QUANTITIES. scores: axes seed, step; the
    losses and accuracies of `performance`. NaN after a seed's last step, and where a quantity is not defined.
    divergence: (n_seeds,) where each became non-finite. Fewer seeds than `asked` when stopped by hand.
    """

    layers: Measurement
    scores: Measurement
    divergence: tuple[Divergence | None, ...]
    asked: int

    def __len__(self) -> int:
        return len(self.divergence)

    def __repr__(self) -> str:
        """How many seeds there are and how they ended, and the training loss over them."""
        lines = [
            f"Seeds {', '.join(map(str, self.seeds[:8].tolist()))}{', …' if len(self) > 8 else ''}: {len(self)} runs"
        ]
        if len(self):
            loss = band(self.scores)
            low, middle, high = (loss[f"train_loss_{name}"][-1] for name in PERCENTILES)
            lines.append(
                f"training loss at step {self.steps[-1]:,}: median {middle:.3g}, from {low:.3g} to {high:.3g} (p10 to p90)"
            )
        where = self.diverged
        lines.append(f"{len(where)} diverged: seed {', '.join(map(str, where))}" if where else "none diverged")
        return "\n".join([*lines, *([self.stopped] if self.was_stopped else [])])

    @property
    def seeds(self) -> np.ndarray:
        """The seeds whose runs were measured, (n_seeds,)."""
        return self.layers.axes["seed"]

    @property
    def steps(self) -> np.ndarray:
        """The steps that were measured, (n_steps,)."""
        return self.layers.axes["step"]

    def nearest(self, step: int) -> int:
        """Index of the measured step that is nearest to this one."""
        return int(np.argmin(np.abs(self.steps - step)))

    @property
    def was_stopped(self) -> bool:
        """Did somebody end the study before all its seeds were done?"""
        return len(self) < self.asked

    @property
    def stopped(self) -> str:
        """ "" or how many seeds are done."""
        return _stopped(len(self), self.asked)

    @property
    def diverged(self) -> dict[int, Divergence]:
        """Seed -> where it became non-finite, of those that did."""
        pairs = zip(self.seeds.tolist(), self.divergence, strict=True)
        return {seed: where for seed, where in pairs if where is not None}


def run_seeds(
    request: SeedRuns,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    progress: bool | Callable[[int], None] = False,
    memory_budget: int = MEMORY_BUDGET,
) -> Seeds:
    """Train and measure every seed, block by block: no more than one block's histories are ever held.

    A seed's numbers are those of `run` with its config, at the steps that `plan` records. `cancelled()` is
    asked at every step, and keeps the seeds that are done; `progress(steps)` is told of the steps taken, over
    all seeds, and True draws a bar: Ctrl-C then keeps the seeds that are done, too. Raises ValueError when the histories of one seed do not fit into `memory_budget` bytes.

    >>> found = run_seeds(SeedRuns(RunConfig(hidden=(3,), n_samples=20, steps=4), 3))
    >>> found.seeds.tolist(), found.layers["delta_norm"].shape, found.diverged
    ([0, 1, 2], (3, 5, 2), {})
    """
    with attended(progress, "step", cancelled) as (bar, asked):
        if bar is None:
            return _run_seeds(request, asked, progress if callable(progress) else lambda steps: None, memory_budget)
        return _run_seeds(request, asked, lambda steps: bar(steps, request.steps, ""), memory_budget)


def _run_seeds(
    request: SeedRuns, cancelled: Callable[[], bool], progress: Callable[[int], None], memory_budget: int
) -> Seeds:
    planned, at_once = request.plan(memory_budget)
    steps = np.unique(np.append(np.arange(0, planned.steps, planned.record_every), planned.steps))
    measured: list[tuple[dict[str, Array], dict[str, Array]]] = []
    divergence: list[Divergence | None] = []
    for start in range(0, request.n_seeds, at_once):
        configs = [planned.replace(seed=seed) for seed in request.seeds[start : start + at_once]]

        def told(step: int, before: int = start * planned.steps, n_runs: int = len(configs)) -> None:
            progress(before + n_runs * step)

        try:
            histories = run_many(configs, cancelled=cancelled, progress=told, memory_budget=memory_budget, workers=1)
        except StoppedEarly:
            break
        if cancelled() or any(history.was_stopped for history in histories):
            break
        for history in histories:
            if cancelled():
                break
            measured.append(_measured(history, steps))
            divergence.append(history.divergence)
    axes = {"seed": np.array(request.seeds[: len(measured)], np.int64), "step": steps}
    n_layers, lead = planned.layout().n_layers, (len(measured), len(steps))
    caveats = _caveats(request, planned, len(measured))
    layers = {name: np.array([each[name] for each, _ in measured]).reshape(*lead, n_layers) for name in SEED_QUANTITIES}
    scores = {name: np.array([each[name] for _, each in measured]).reshape(lead) for name in SCORES}
    return Seeds(
        Measurement("seeds", axes | {"layer": np.arange(1, n_layers + 1)}, layers, caveats=caveats),
        Measurement("scores of seeds", axes, scores, caveats=caveats),
        tuple(divergence),
        request.n_seeds,
    )


def _measured(history: History, steps: np.ndarray) -> tuple[dict[str, Array], dict[str, Array]]:
    """Quantities per layer and scores at these steps, NaN from the first step that is not finite on."""
    stop = len(history) - (history.divergence is not None)
    records = np.flatnonzero(np.isin(history.step[:stop], steps))
    rows = np.searchsorted(steps, history.step[records])
    found = (per_layer(history, SEED_QUANTITIES, records).values, performance(history, records).values)
    placed: list[dict[str, Array]] = []
    for values in found:
        placed.append({name: np.full((len(steps), *each.shape[1:]), np.nan) for name, each in values.items()})
        for name, each in values.items():
            placed[-1][name][rows] = each
    return placed[0], placed[1]


def _caveats(request: SeedRuns, planned: RunConfig, done: int) -> tuple[str, ...]:
    found = [_stopped(done, request.n_seeds)]
    if planned.record_every > 1:
        found.append(f"Seeds are measured every {planned.record_every:,} steps, to save memory and time.")
    return tuple(filter(None, found))


def _stopped(done: int, asked: int) -> str:
    return f"Stopped by hand: {done} of {asked} seeds are done." if done < asked else ""


# Over seeds -------------------------------------------------------------------------------------------------


def band(measured: Measurement) -> Measurement:
    """10th, 50th and 90th percentile over the seeds: axes as `measured`, its first one, seed, taken away.

    Each quantity q becomes q_p10, q_median, q_p90, and q_seeds, how many seeds have a finite number there; the
    percentiles are NumPy's, linear between the values, over these. NaN where there is none.

    >>> values = np.arange(11.0)[:, None]
    >>> found = band(Measurement("m", {"seed": np.arange(11), "step": np.array([0])}, {"q": values}))
    >>> [float(found[name][0]) for name in ("q_p10", "q_median", "q_p90", "q_seeds")]
    [1.0, 5.0, 9.0, 11.0]
    """
    values: dict[str, Array] = {}
    for name, each in measured.values.items():
        finite = np.isfinite(each)
        counts = finite.sum(axis=0)
        known = np.where(finite | (counts == 0), np.where(finite, each, 0.0), np.nan)
        found = _percentiles(known)
        for label, row in zip(PERCENTILES, found, strict=True):
            values[f"{name}_{label}"] = np.where(counts > 0, row, np.nan)
        values[f"{name}_seeds"] = counts
    axes = {name: axis for name, axis in measured.axes.items() if name != "seed"}
    return Measurement(measured.name, axes, values, caveats=measured.caveats)


def _percentiles(known: Array) -> Array:
    """PERCENTILES over the first axis, NaN left out, (3, ...)."""
    of = list(PERCENTILES.values())
    if not len(known):
        return np.full((len(of), *known.shape[1:]), np.nan)
    if not np.isnan(known).any():
        return np.percentile(known, of, axis=0)
    return np.nanpercentile(known, of, axis=0)


def standing(values: Array) -> float:
    """The percentile at which the first of the values (n_seeds,) stands: 100 × (share below + half the ties).

    NaN when it is not finite itself; those that are not finite are left out.

    >>> standing(np.array([2.0, 1.0, 3.0, 4.0]))
    37.5
    """
    own, known = values[0], values[np.isfinite(values)]
    if not np.isfinite(own):
        return float("nan")
    return float(100 * ((known < own).mean() + 0.5 * (known == own).mean()))


def inside_theory(found: Seeds, predicted: Prediction) -> Array:
    """Share of seeds whose δ norm at step 0, relative to layer L's, lies in the theory band; (n_layers - 1,).

    NaN where δ is zero or not finite in every seed. The band is made to hold 95 % of networks.
    """
    delta = found.layers["delta_norm"][:, 0]
    with np.errstate(all="ignore"):
        ratio = delta / delta[:, -1:]
        low, high = predicted.delta_band
        inside = (low <= ratio) & (ratio <= high)
    known = np.isfinite(ratio).any(axis=0)
    share = inside.mean(axis=0) if len(ratio) else np.full(len(low), np.nan)
    return np.where(known, share, np.nan)[:-1]
