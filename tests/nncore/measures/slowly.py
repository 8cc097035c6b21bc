"""The definitions of the glossary, computed slowly: one record and one sample at a time."""

import math
from typing import Any

import numpy as np

from nncore import History
from nncore.model.layout import Array
from tests.nncore.measures.runs import MAX_SLOPE, ONE_SIDED, TWO_SIDED


def output_delta(history: History, z: Array, y: Any) -> Array:
    """dE_s/dz of one sample's own loss."""
    name = history.config.loss_name
    if name == "mse":
        return 2 * (z - y) / len(z)
    if name == "bce":
        return (1 / (1 + np.exp(-z)) - y) / len(z)
    e = np.exp(z - z.max())
    delta = e / e.sum()
    delta[y] -= 1
    return delta


def is_sure(history: History, z: Array) -> Array:
    """Per output of one sample: is its sigmoid or softmax within 1 % of its largest slope, ¼, of being flat?"""
    p = 1 / (1 + np.exp(-z)) if history.config.loss_name == "bce" else np.exp(z) / np.exp(z).sum()
    return p * (1 - p) < 0.01 * 0.25


def slow_layers(history: History, record: int) -> list[dict[str, Array]]:
    """Per layer each probe sample's z, a, delta, (n_samples, width), and input, (n_samples, fan_in)."""
    layers = history.layout.split(history.theta[record].astype(np.float64))
    phis, skips = history.network.activations, history.network.skips
    found: list[dict[str, list[Array]]] = [{key: [] for key in ("input", "z", "a", "delta")} for _ in layers]
    for x, y in zip(history.probe_x.astype(np.float64), history.probe_y, strict=True):
        inputs, zs, a = [], [], x
        for index, (weight, bias) in enumerate(layers):
            z = a @ weight + bias
            inputs.append(a)
            zs.append(z)
            if index < len(phis):
                a = phis[index](z) + (a if skips[index] else 0)
        deltas = [output_delta(history, zs[-1], y)]
        d_a = layers[-1][0] @ deltas[0]
        for index in range(len(phis) - 1, -1, -1):
            deltas.insert(0, d_a * phis[index].slope(zs[index]))
            d_a = layers[index][0] @ deltas[0] + (d_a if skips[index] else 0)
        for index in range(len(layers)):
            output = inputs[index + 1] if index + 1 < len(layers) else zs[index]
            for key, value in (("input", inputs[index]), ("z", zs[index]), ("a", output), ("delta", deltas[index])):
                found[index][key].append(value)
    return [{key: np.array(values) for key, values in layer.items()} for layer in found]


def slow_quantities(history: History, record: int) -> list[dict[str, float]]:
    """Every quantity of every layer, by its definition."""
    rows = []
    first = history.layout.split(history.theta[0])
    for index, layer in enumerate(slow_layers(history, record)):
        (weight, _), n = history.layout.split(history.theta[record])[index], len(history.probe_x)
        own = [np.outer(a, delta) for a, delta in zip(layer["input"], layer["delta"], strict=True)]
        weight_gradient = sum(own) / n
        bias_gradient = sum(layer["delta"]) / n
        delta_norm = math.sqrt(sum(float(delta @ delta) for delta in layer["delta"]) / n)
        pooled, units = layer["a"].ravel(), layer["z"].T
        row = {
            "delta_norm": delta_norm,
            "delta_rms": delta_norm / math.sqrt(layer["z"].shape[1]),
            "weight_gradient_norm": math.sqrt((weight_gradient**2).sum()),
            "training_gradient_norm": math.sqrt(
                (history.layout.split(history.grad[record])[index][0].astype(float) ** 2).sum()
            ),
            "weight_gradient_rms": math.sqrt((weight_gradient**2).mean()),
            "bias_gradient_norm": math.sqrt((bias_gradient**2).sum()),
            "activation_mean": pooled.mean(),
            "activation_std": pooled.std(),
            "activation_p2": np.percentile(pooled, 2),
            "activation_p98": np.percentile(pooled, 98),
            "z_std": layer["z"].std(),
            "signal": math.sqrt(np.mean([np.var(unit) for unit in units])),
            "signal_floor": 8
            * np.finfo(history.theta.dtype).eps
            * math.sqrt(np.mean([np.mean(unit) ** 2 for unit in units])),
            "weight_norm": math.sqrt(sum(float(w) ** 2 for w in weight.ravel())),
            "distance": math.sqrt(((weight.astype(float) - first[index][0]) ** 2).sum()),
            "saturated_fraction": math.nan,
            "inactive_fraction": math.nan,
            "sure_fraction": math.nan,
            "dead_fraction": math.nan,
            "update_ratio": math.nan,
            "gradient_cosine": math.nan,
        }
        if record + 1 < len(history):
            following = history.layout.split(history.theta[record + 1])[index][0].astype(float)
            row["update_ratio"] = np.linalg.norm(following - weight) / np.linalg.norm(weight)
        if record > 0:
            g, g_before = (
                history.layout.split(history.grad[place])[index][0].astype(float) for place in (record, record - 1)
            )
            lengths = np.linalg.norm(g) * np.linalg.norm(g_before)
            row["gradient_cosine"] = (g * g_before).sum() / lengths if lengths else math.nan
        if index < len(history.network.activations):
            phi = history.network.activations[index]
            slopes = phi.slope(layer["z"])
            flat = np.abs(slopes) < 0.01 * MAX_SLOPE.get(phi.name, phi.max_slope)
            if phi.name in TWO_SIDED:
                row["saturated_fraction"] = flat.mean()
            if phi.name in ONE_SIDED:
                row["inactive_fraction"] = flat.mean()
            if phi.name != "sign":
                row["dead_fraction"] = np.mean([(unit == 0).all() for unit in slopes.T])
        elif history.config.loss_name != "mse":
            row["sure_fraction"] = np.mean([is_sure(history, z) for z in layer["z"]])
        rows.append(row)
    return rows
