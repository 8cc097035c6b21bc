"""What a network has learned at one record: its curve, its decision regions, its confusions, its predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nncore.config.cost import SECONDS_PER_ELEMENT, SECONDS_PER_PRODUCT
from nncore.history.history import History
from nncore.measures import responses
from nncore.measures.measurement import Measurement
from nncore.model.layout import Array

CURVE_POINTS = 241
REGION_POINTS = 81
MARGIN = 0.15
"""How far a picture reaches beyond the data, as a share of the data's span."""


def affordable(history: History, seconds: float = 1.0) -> int:
    """Records of which a picture can be made in about so many seconds: the plane of two inputs has many points."""
    data, fans = history.config.data(), history.layout.fans
    points = REGION_POINTS**2 if data.n_inputs == 2 and data.class_names else CURVE_POINTS
    units, products = sum(fan_out for _, fan_out in fans), sum(fan_in * fan_out for fan_in, fan_out in fans)
    return max(2, int(seconds / (points * (units * SECONDS_PER_ELEMENT + products * SECONDS_PER_PRODUCT))))


def fitted_curve(history: History, record: int) -> Measurement:
    """The prediction of a network with one input over the data's range and a little beyond, in original units.

    Axis: x. For regression the predicted value.
    """
    return fitted_curves(history, (record,))[0]


def fitted_curves(history: History, records: Sequence[int]) -> tuple[Measurement, ...]:
    """`fitted_curve` of several records, from one pass."""
    data = history.config.data()
    x = _span(data.x_train[:, 0], data.x_test[:, 0], CURVE_POINTS)[:, None]
    axes = {"x": data.to_original_x(x)[:, 0]}
    return tuple(
        Measurement("fitted curve", axes, {"prediction": data.to_original_y(z)[:, 0]})
        for z in _answers(history, records, x)
    )


def decision_regions(history: History, record: int) -> Measurement:
    """The winning class and its probability over the plane of two inputs, as the network sees them.

    Axes: x1, x2. `class` is an index, `confidence` the winner's lead: 0 at a tie, 1 when certain.
    """
    return decision_regions_of(history, (record,))[0]


def decision_regions_of(history: History, records: Sequence[int]) -> tuple[Measurement, ...]:
    """`decision_regions` of several records, from one pass."""
    data = history.config.data()
    x1, x2 = (_span(data.x_train[:, i], data.x_test[:, i], REGION_POINTS) for i in (0, 1))
    grid = np.stack([axis.ravel() for axis in np.meshgrid(x1, x2, indexing="ij")], axis=-1)
    found = []
    for z in _answers(history, records, data.inputs(grid)):
        ordered = np.sort(probabilities(history, z), axis=-1)
        lead = ordered[:, -1] - ordered[:, -2]
        values = {"class": winners(z), "confidence": lead}
        shaped = {name: each.reshape(len(x1), len(x2)) for name, each in values.items()}
        found.append(Measurement("decision regions", {"x1": x1, "x2": x2}, shaped))
    return tuple(found)


def confusion(history: History, record: int) -> Measurement:
    """How many rows of each actual class were given each class. Axes: actual, predicted (class indices).

    Counted on the test rows, or on the training rows when there are none.
    """
    return confusions(history, (record,))[0]


def confusions(history: History, records: Sequence[int]) -> tuple[Measurement, ...]:
    """`confusion` of several records, from one pass."""
    data = history.config.data()
    x, y = (data.x_test, data.y_test) if len(data.x_test) else (data.x_train, data.y_train)
    said = f"Counted on the {len(x)} {'test' if len(data.x_test) else 'training'} rows."
    classes, found = np.arange(data.n_classes), []
    for z in _answers(history, records, x):
        answered = ~np.isnan(z).any(axis=-1)
        pairs = y[answered].astype(np.int64) * data.n_classes + winners(z[answered])
        counts = np.bincount(pairs, minlength=data.n_classes**2).reshape(data.n_classes, data.n_classes)
        caveats = [said]
        if not answered.all():
            caveats.append(f"For {np.count_nonzero(~answered)} of them the output is NaN: they have no class.")
        axes = {"actual": classes, "predicted": classes}
        found.append(Measurement("confusion", axes, {"rows": counts}, caveats=tuple(caveats)))
    return tuple(found)


def predictions(history: History, record: int) -> Measurement:
    """Actual and predicted target of every row, in original units. Axis: row, training rows first; each target of a row."""
    return predictions_of(history, (record,))[0]


def predictions_of(history: History, records: Sequence[int]) -> tuple[Measurement, ...]:
    """`predictions` of several records, from one pass."""
    data = history.config.data()
    x = np.concatenate([data.x_train, data.x_test])
    actual = data.to_original_y(np.concatenate([data.y_train, data.y_test])).ravel()
    is_test = np.repeat(np.arange(len(x)) >= len(data.x_train), data.n_targets)
    return tuple(
        Measurement(
            "predictions",
            {"row": np.arange(len(actual))},
            {"actual": actual, "prediction": data.to_original_y(z).ravel(), "is_test": is_test},
        )
        for z in _answers(history, records, x)
    )


def _answers(history: History, records: Sequence[int], x: Array) -> Array:
    """What the network answers, (n_records, n, n_outputs): the output's z through its activation."""
    return history.config.output_activation()(responses(history, records, x))


def winners(z: Array) -> Array:
    """The class of each row (n,) from the output's z (n, n_outputs): the largest, or for one output its sign."""
    if z.shape[-1] == 1:
        return (z[:, 0] > 0).astype(np.int64)
    return z.argmax(axis=-1)


def probabilities(history: History, z: Array) -> Array:
    """Class shares (n, n_classes) from the output's z: by the loss's `targets` a sigmoid of one output, a softmax, or for "values" (mse) the outputs' order.

    Under mse and its kin the outputs are not probabilities; they are cut to [0, 1] and scaled to sum to 1.
    """
    targets = history.config.loss_function().targets
    z = z.astype(np.float64)
    if targets == "bits" and z.shape[-1] == 1:
        z = np.concatenate([np.zeros_like(z), z], axis=-1)
    if targets == "values":
        shares = np.clip(z, 0.0, 1.0) + 1e-12
    else:
        with np.errstate(all="ignore"):
            shares = np.exp(z - z.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def _span(train: Array, test: Array, points: int) -> Array:
    """Even coordinates over both parts and a margin beyond."""
    both = np.concatenate([train, test])
    low, high = float(both.min()), float(both.max())
    margin = MARGIN * (high - low or 1.0)
    return np.linspace(low - margin, high + margin, points)
