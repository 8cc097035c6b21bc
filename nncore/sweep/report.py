"""What a sweep notes of every run: the columns of its table, and how they are measured on a block of runs."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.diagnosis.flows import flow_of
from nncore.diagnosis.rules import judge
from nncore.diagnosis.snapshot import LAYER_NAMES, Snapshot
from nncore.history.history import History
from nncore.measures import LAYER_QUANTITIES
from nncore.measures.outputs import SCORES, constant_loss
from nncore.model.layout import Array
from nncore.numerics.choices import choose
from nncore.sweep import batched_measures

LAST = -1
"""As a step: the last record at which everything was finite."""

ENDINGS = ("finished", "diverged", "failed")
"""How a run ended; failed: it never ran, or broke off with an error, and `reason` says why."""

TRAINED = 0.5
"""A run counts as trained when its loss ends below this share of the best constant prediction's."""

Row = dict[str, Any]
"""Column -> value; None where there is none."""


@dataclass(frozen=True)
class Report:
    """What is noted of every run.

    `quantities` (keys of LAYER_QUANTITIES) are noted for every layer at each of `steps`,
    step numbers or LAST, in columns such as delta_norm_at_0 and delta_norm_at_last; empty where a run ended
    before. `scores`: losses and accuracies on training and test rows at the end, and whether it trained.
    `verdict`: what the diagnosis finds there. `layers`: the same quantities as a table of their own too, a row
    per run, step and layer. `histories`: everything, a file a run.

    Without `training` no run is trained, whatever its steps: only the quantities at step 0 are noted, which
    is the quickest map there is.
    """

    quantities: tuple[str, ...] = ("delta_norm",)
    steps: tuple[int, ...] = (0, LAST)
    scores: bool = True
    verdict: bool = True
    layers: bool = False
    histories: bool = False
    training: bool = True

    def __post_init__(self) -> None:
        for name in self.quantities:
            choose("quantity", name, LAYER_QUANTITIES)
        for step in self.steps:
            if not isinstance(step, int) or step < LAST:
                raise ValueError(f"steps must be whole numbers from 0 on, or -1 for the last; got {reprlib.repr(step)}")
        more = self.scores or self.verdict or self.layers or self.histories
        if not self.training and (self.steps != (0,) or more):
            raise ValueError("without training a row has the quantities at step 0, and nothing else")

    def columns(self) -> dict[str, str]:
        """What a row adds to its run's settings: column -> text, whole, number, flag, texts or numbers."""
        columns = {"ending": "text", "reason": "text", "last_step": "whole"}
        if self.training:
            columns |= {"loss_first": "number", "loss_last": "number"}
        if self.scores:
            columns |= dict.fromkeys(SCORES, "number") | {"trained": "flag"}
        if self.verdict:
            columns |= {"verdict": "text", "severity": "whole", "verdicts": "texts"}
        for step in self.steps:
            columns[f"log10_delta_ratio_at_{_named(step)}"] = "number"
        for name in self.quantities:
            columns |= {column(name, step): "numbers" for step in self.steps}
        return columns

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON-able values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Report:
        """What `to_dict` wrote."""
        settings: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()
        }
        return cls(**settings)


DEFAULT_REPORT = Report()

INITIAL_FLOW = Report(steps=(0,), scores=False, verdict=False, training=False)
"""δ norms at initialization and nothing else: no run is trained."""


def column(quantity: str, step: int) -> str:
    """The column of a quantity's values per layer at a step.

    >>> column("delta_norm", 0), column("delta_norm", LAST)
    ('delta_norm_at_0', 'delta_norm_at_last')
    """
    return f"{quantity}_at_{_named(step)}"


def _named(step: int) -> str:
    return "last" if step == LAST else str(step)


def failed(report: Report, reason: str) -> Row:
    """The row of a run that never ran, or broke off with an error."""
    return {**dict.fromkeys(report.columns()), "ending": "failed", "reason": reason}


def note(histories: Sequence[History], report: Report) -> list[Row]:
    """The rows of runs that were trained together."""
    last = np.array([history.last_finite for history in histories])
    places = {step: _places(histories, step, last) for step in report.steps}
    columns = [np.zeros_like(last), last, *(np.maximum(each, 0) for each in places.values())]
    records, column_of = np.unique(np.stack(columns, axis=1), axis=1, return_inverse=True)
    verdict_names = LAYER_NAMES if report.verdict else ()
    names = [*dict.fromkeys(["delta_norm", *report.quantities, *verdict_names])]
    measured = batched_measures.per_layer(histories, names, records, zeros=report.verdict)
    rows: list[Row] = [dict.fromkeys(report.columns()) for _ in histories]
    for index, (row, history) in enumerate(zip(rows, histories, strict=True)):
        row["ending"] = "diverged" if history.divergence else "finished"
        row["reason"] = history.stopped
        row["last_step"] = int(history.step[-1])
        row["loss_first"], row["loss_last"] = float(history.loss[0]), float(history.loss[last[index]])
        for step, column_index in zip(report.steps, column_of[2:], strict=True):
            if places[step][index] >= 0:
                _note_layers(row, report, step, {name: measured[name][index, column_index] for name in names})
        if report.verdict:
            first_and_last = {name: measured[name][index, column_of[:2]] for name in LAYER_NAMES}
            without_zeros = bool(measured[batched_measures.WITHOUT_ZEROS][index, column_of[1]].all())
            _note_verdict(
                row, Snapshot(history, int(last[index]), first_and_last, sentences=False, without_zeros=without_zeros)
            )
    if report.scores:
        for row, history, scores in zip(rows, histories, batched_measures.final_scores(histories, last), strict=True):
            row.update(scores)
            row["trained"] = scores["train_loss"] < TRAINED * constant_loss(history.config)
    return rows


def note_initial(
    configs: Sequence[RunConfig], report: Report, cancelled: Callable[[], bool] = lambda: False
) -> list[Row]:
    """The rows of runs of one shape before their first step, none of them trained; StoppedEarly as soon as `cancelled()`."""
    names = [*dict.fromkeys(["delta_norm", *report.quantities])]
    measured = batched_measures.initial_per_layer(configs, names, cancelled)
    rows: list[Row] = []
    for index in range(len(configs)):
        row: Row = {**dict.fromkeys(report.columns()), "ending": "finished", "reason": "", "last_step": 0}
        _note_layers(row, report, 0, {name: measured[name][index, 0] for name in names})
        rows.append(row)
    return rows


def _note_layers(row: Row, report: Report, step: int, measured: dict[str, Array]) -> None:
    flow = flow_of(measured["delta_norm"])
    with np.errstate(all="ignore"):
        row[f"log10_delta_ratio_at_{_named(step)}"] = float(np.log10(flow.ratio))
    for name in report.quantities:
        row[column(name, step)] = measured[name].tolist()


def _note_verdict(row: Row, seen: Snapshot) -> None:
    found = judge(seen)
    row["verdicts"] = [each.rule for each in found]
    row["verdict"] = found[0].rule if found else ""
    row["severity"] = found[0].severity if found else 0


def _places(histories: Sequence[History], step: int, last: np.ndarray) -> np.ndarray:
    """Per run the record nearest to a step, -1 where the run ended before it or was no longer finite."""
    if step == LAST:
        return last
    return np.array(
        [
            history.nearest(step) if step <= history.step[end] else -1
            for history, end in zip(histories, last, strict=True)
        ]
    )
