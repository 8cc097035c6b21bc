"""What single units do at one record: where they stand on their curve, and what each computes of the input."""

from __future__ import annotations

import numpy as np

from nncore.history.history import History
from nncore.measures import SATURATED_BELOW
from nncore.measures.learned import MARGIN
from nncore.measures.measurement import Measurement
from nncore.model.activations import ACTIVATIONS, Activation
from nncore.model.layout import Array
from nncore.model.network import Tape
from nncore.model.normalization import inference_statistics
from nncore.numerics.blas import blas_threads
from nncore.numerics.spacing import evenly_spaced

UNITS = 64
"""Units of a layer whose responses a picture shows, spread evenly over a wider one."""

DOTTED_UNITS, DOTTED_ROWS = 32, 48
"""Units and probe rows whose dots a picture shows."""

PLANE_POINTS, LINE_POINTS = 21, 61
"""Points along each side of a unit's little picture, and along its line."""

LINEAR_WITHIN = 0.1
"""A slope counts as that of a straight line within this share of the reference slope."""

FAR = 50.0
"""Where a one-sided activation has long become a straight line."""

ZONES = ("flat", "bend", "linear")
KINDS = ("dead", "flat", "linear", "bends")


def layer_activation(history: History, layer: int) -> Activation:
    """The activation of layer 1 ... L; the output layer's is linear. Raises ValueError for another layer."""
    functions = (*history.network.activations, ACTIVATIONS["linear"])
    if not 1 <= layer <= len(functions):
        raise ValueError(f"layer must be a whole number from 1 to {len(functions)}; got {layer}")
    return functions[layer - 1]


def straight_slope(activation: Activation) -> float:
    """The slope of the straight line that an activation follows: at 0, or far out where it is one-sided.

    >>> straight_slope(ACTIVATIONS["tanh"]), straight_slope(ACTIVATIONS["relu"])
    (1.0, 1.0)
    """
    at = FAR if activation.kind == "one-sided" else 0.0
    return float(activation.slope(np.array([at]))[0])


def zone_of(activation: Activation, slope: Array) -> np.ndarray:
    """Which of ZONES each slope phi'(z) lies in: 0 flat, 1 bend, 2 linear; -1 where it is not finite.

    flat: |phi'| is below 1 % of its largest value. linear: phi' is within 10 % of `straight_slope`, so that
    phi hardly differs from a straight line there. bend: what is between. sign is flat everywhere.

    >>> tanh = ACTIVATIONS["tanh"]
    >>> zone_of(tanh, tanh.slope(np.array([-9.0, 0.0, 1.0]))).tolist()
    [0, 2, 1]
    """
    reference = straight_slope(activation)
    flat = np.abs(slope) < SATURATED_BELOW * (activation.max_slope or np.inf)
    linear = (np.abs(slope - reference) <= LINEAR_WITHIN * abs(reference)) & (reference != 0)
    zone = np.where(flat, 0, np.where(linear, 2, 1))
    if activation.kind == "threshold":
        zone = np.zeros_like(zone)
    return np.where(np.isfinite(slope), zone, -1)


def kind_of(activation: Activation, slope: Array) -> np.ndarray:
    """What each unit does over the rows, an index into KINDS, from its slopes (n_units, n_rows).

    dead: phi' is exactly 0 on every row (not defined for sign, whose units count as flat). flat: in the flat
    zone on every row. linear: phi' varies by at most 10 % of its largest over the rows, so that the unit only
    adds and scales. bends: everything else, NaN included.
    """
    flat = (zone_of(activation, slope) == 0).all(axis=-1)
    dead = (slope == 0).all(axis=-1) & (activation.kind != "threshold")
    with np.errstate(invalid="ignore"):
        even = np.ptp(slope, axis=-1) <= LINEAR_WITHIN * np.abs(slope).max(axis=-1)
    return np.select([dead, flat, even], [0, 1, 2], 3)


def on_the_curve(history: History, record: int, layer: int) -> Measurement:
    """z, phi(z) and phi'(z) of each unit on probe rows at one record. Axes: unit, row (index into the probe).

    z is what phi sees, normalized where the network normalizes. At most 32 units and 48 rows, both evenly
    spread; `kind` per unit is taken on all probe rows. `target` is the row's class or value.
    """
    activation = layer_activation(history, layer)
    z = _seen(history, record, layer)
    units, rows = evenly_spaced(0, len(z) - 1, DOTTED_UNITS), evenly_spaced(0, z.shape[1] - 1, DOTTED_ROWS)
    kinds = kind_of(activation, _slopes(activation, z))
    shown = z[np.ix_(units, rows)]
    with np.errstate(all="ignore"):
        values = {"z": shown, "a": activation(shown), "slope": activation.slope(shown)}
    columns = {"kind": ("unit", np.array(KINDS)[kinds[units]]), "target": ("row", _targets(history)[rows])}
    caveats = cut_note("units", len(units), len(z)) + cut_note("probe rows", len(rows), z.shape[1])
    return Measurement(f"units of layer {layer} on their curve", {"unit": units, "row": rows}, values, columns, caveats)


def zones(history: History, record: int) -> Measurement:
    """Share of units × probe rows in each zone, and of units of each kind, at one record. Axis: layer (hidden).

    `flat`, `bend`, `linear` and `not_finite` add up to 1; so do `dead_units`, `flat_units`, `linear_units` and
    `bends_units`. Without a hidden layer the linear output layer is measured.
    """
    return _zones(history, record, np.arange(1, max(history.layout.n_layers, 2)))


def layer_zones(history: History, record: int, layer: int) -> Measurement:
    """`zones` of one layer, which may be the output layer."""
    layer_activation(history, layer)
    return _zones(history, record, np.array([layer]))


def _zones(history: History, record: int, layers: np.ndarray) -> Measurement:
    tape = _tape(history, record)
    names = (*ZONES, "not_finite", *(f"{kind}_units" for kind in KINDS))
    values = {name: np.zeros(len(layers)) for name in names}
    for place, layer in enumerate(layers):
        activation = layer_activation(history, int(layer))
        slope = _slopes(activation, tape.z_hat_columns[layer - 1].astype(np.float64))
        zone, kind = zone_of(activation, slope), kind_of(activation, slope)
        for index, name in enumerate(ZONES):
            values[name][place] = (zone == index).mean()
        values["not_finite"][place] = (zone == -1).mean()
        for index, name in enumerate(KINDS):
            values[f"{name}_units"][place] = (kind == index).mean()
    return Measurement("zones per layer", {"layer": layers}, values)


def responses(history: History, record: int, layer: int) -> Measurement:
    """What each unit of a layer puts out, at most 64 of them, at one record.

    With two inputs over their plane, axes unit, x1, x2, as the network sees them, extra features included; with one input over its
    line, axes unit, x, in original units; otherwise on the probe rows sorted by class or target, axes unit,
    place, with the row's index and target. `a` is what the layer hands on, the skipped input included.
    """
    layer_activation(history, layer)
    data = history.config.data()
    n_inputs = data.n_inputs
    units = evenly_spaced(0, history.layout.widths[layer] - 1, UNITS)
    name = f"responses of layer {layer}"
    cut = cut_note("units", len(units), history.layout.widths[layer])
    if n_inputs > 2:
        target = _targets(history)
        order = np.argsort(target, kind="stable")
        a = _put_out(_tape(history, record), layer)[np.ix_(units, order)]
        columns = {"row": ("place", order), "target": ("place", target[order])}
        return Measurement(name, {"unit": units, "place": np.arange(len(order))}, {"a": a}, columns, cut)
    points = PLANE_POINTS if n_inputs == 2 else LINE_POINTS
    spans = [_span(data.x_train[:, column], points) for column in range(n_inputs)]
    grid = np.stack([each.ravel() for each in np.meshgrid(*spans, indexing="ij")], axis=-1)
    a = _put_out(_tape(history, record, data.inputs(grid)), layer)[units].reshape(
        len(units), *(len(span) for span in spans)
    )
    if n_inputs == 2:
        return Measurement(name, {"unit": units, "x1": spans[0], "x2": spans[1]}, {"a": a}, caveats=cut)
    x = data.to_original_x(spans[0][:, None])[:, 0]
    return Measurement(name, {"unit": units, "x": x}, {"a": a}, caveats=cut)


def cut_note(what: str, shown: int, there: int) -> tuple[str, ...]:
    """A caveat where not all are shown.

    >>> cut_note("units", 64, 256), cut_note("units", 3, 3)
    (('64 of 256 units, evenly spread.',), ())
    """
    return () if shown == there else (f"{shown} of {there:,} {what}, evenly spread.",)


def _tape(history: History, record: int, x: Array | None = None) -> Tape:
    """The forward pass at one record, of the probe rows, or of x with the training rows' batch statistics."""
    network, theta = history.network, history.theta[record]
    with blas_threads(1), np.errstate(all="ignore"):
        if x is None:
            return network.forward(theta, history.probe_x)
        rows = history.config.data().x_train.astype(history.config.dtype)
        statistics = inference_statistics(network, theta, rows)
        return network.forward(theta, x.astype(history.config.dtype), statistics=statistics)


def _seen(history: History, record: int, layer: int) -> Array:
    """What phi sees on the probe rows, (width, n_rows)."""
    return _tape(history, record).z_hat_columns[layer - 1].astype(np.float64)


def _put_out(tape: Tape, layer: int) -> Array:
    """a of a layer, (width, n_rows); the output layer's is its z."""
    last = layer == len(tape.z_columns)
    return (tape.z_columns[-1] if last else tape.a_columns[layer]).astype(np.float64)


def _slopes(activation: Activation, z: Array) -> Array:
    with np.errstate(all="ignore"):
        return activation.slope(np.ascontiguousarray(z))


def _targets(history: History) -> np.ndarray:
    """Class index or target, in original units, of each probe row."""
    y, data = history.probe_y, history.config.data()
    if data.task == "regression":
        return data.to_original_y(y.astype(np.float64))[:, 0]
    if y.ndim == 1:
        return y
    return y[:, 0].astype(np.int64) if y.shape[1] == 1 else y.argmax(axis=1)


def _span(x: Array, points: int) -> Array:
    """Even coordinates over the data and a margin beyond."""
    low, high = float(x.min()), float(x.max())
    margin = MARGIN * (high - low or 1.0)
    return np.linspace(low - margin, high + margin, points)
