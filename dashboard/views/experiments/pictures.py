"""The numbers behind the gallery's pictures: measured by `python -m dashboard.views.experiments.pictures`, kept in pictures.json."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nncore import History, RunConfig, run
from nncore import measures as m
from nncore.diagnosis import turning
from nncore.diagnosis.snapshot import Snapshot
from nncore.experiments import EXPERIMENTS, Experiment, claims
from nncore.history.whole_file import write_whole_text
from nncore.measures.learned import fitted_curve
from nncore.numerics.spacing import evenly_spaced

FILE = Path(__file__).with_suffix(".json")

STEPS_DRAWN, POINTS_DRAWN = 60, 61
DIGITS = 5
"""Significant digits kept: more than a picture shows."""

Line = dict[str, Any]


@cache
def stored() -> dict[str, list[Line]]:
    """Every experiment's lines by its name, as the file has them."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def measured(experiment: Experiment) -> list[Line]:
    """The lines of an experiment's picture, from a fresh run of both its configs.

    A line is {"run": 0 or 1, "quantity": name, "x": [...], "y": [...]}; null stands where a number is not defined or
    not finite. Weights are a matrix, {"rows": [[...]]}. "crossed" has δ of layer 1 over the last layer's in y, and accuracies in
    "share": of the run, and of the one that exchanged the crossed setting.
    """
    if experiment.crossed:
        return [_crossed(number, experiment) for number in (0, 1)]
    histories = [run(_as_far_as_seen(config, experiment)) for config in (experiment.config, experiment.against)]
    lines = [
        {"run": number, "quantity": quantity} | _values(history, quantity, experiment.step)
        for quantity in experiment.picture
        for number, history in enumerate(histories)
    ]
    return lines + ([_rows(histories[0])] if "fit" in experiment.picture else [])


def _as_far_as_seen(config: RunConfig, experiment: Experiment) -> RunConfig:
    """The same run without the steps that its picture does not reach."""
    if "loss" in experiment.picture:
        return config
    return config.replace(steps=min(config.steps, experiment.step + 1))


def _crossed(number: int, experiment: Experiment) -> Line:
    pair = ((experiment.config, experiment.against)[number], experiment.exchanged()[number])
    seen = [Snapshot(history, history.last_finite) for history in map(run, pair)]
    names = [each.rpartition(", ")[2] for each in (experiment.label, experiment.against_label)]
    shares = [claims.accuracy(each) for each in seen]
    return {
        "run": number,
        "quantity": "crossed",
        "x": [names[number], names[1 - number]],
        "y": _short(np.array([claims.ratio(each) for each in seen])),
        "share": _short(np.array(shares)),
    }


def _rows(history: History) -> Line:
    """Some of the rows that a curve was fitted to."""
    data = history.config.data()
    chosen = np.linspace(0, len(data.x_train) - 1, POINTS_DRAWN).round().astype(int)
    x, y = data.to_original_x(data.x_train)[chosen, 0], data.to_original_y(data.y_train)[chosen, 0]
    return {"run": 0, "quantity": "rows", "x": _short(x), "y": _short(y)}


def _values(history: History, quantity: str, step: int) -> Line:
    last = history.last_finite
    record = min(history.nearest(step), last)
    if quantity == "loss":
        turned = turning(history)
        if turned is not None:  # on from there it leaves every axis
            last = min(history.nearest(each.step) for each in turned.turns if each.quantity == "loss")
        chosen = evenly_spaced(0, last, STEPS_DRAWN)
        return {"x": history.step[chosen].tolist(), "y": _short(history.loss[chosen])}
    if quantity == "fit":
        curve = fitted_curve(history, record)
        chosen = np.linspace(0, len(curve.axes["x"]) - 1, POINTS_DRAWN).round().astype(int)
        return {"x": _short(curve.axes["x"][chosen]), "y": _short(curve["prediction"][chosen])}
    if quantity == "weights":
        weight, _ = history.layout.split(history.theta[record])[1]
        return {"rows": [_short(row) for row in weight]}
    values = m.per_layer(history, quantity, np.array([0, record]))
    shown = values[quantity][1 if record else 0]
    layers = values.axes["layer"][np.isfinite(shown) | (values.axes["layer"] < history.layout.n_layers)]
    return {"x": layers.tolist(), "y": _short(shown[layers - 1])}


def _short(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.{DIGITS - 1}e}") if np.isfinite(value) else None for value in values]


def main() -> None:
    """Measure every picture again and write the file."""
    lines = {name: measured(experiment) for name, experiment in EXPERIMENTS.items()}
    rows = (f"{json.dumps(name)}: {json.dumps(each)}" for name, each in lines.items())
    write_whole_text(FILE, "{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
