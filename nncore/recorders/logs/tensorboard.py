"""TensorBoard's event files as a recorded run: histograms of weights, gradients and activations, and scalars.

PyTorch's SummaryWriter and TensorFlow 1 write both as fields of their own, TensorFlow 2 and Keras as tensors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.recorders.columns import FIRST_OCTAVE, LAST_OCTAVE, OCTAVES, STORED
from nncore.recorders.logs.log import Log
from nncore.recorders.logs.messages import Estimated, events, number_or_histogram, whole_frames
from nncore.recorders.samples import SPREAD

Floats = NDArray[np.float64]

MARK = b"\x1a\x0dbrain.Event:2"
"""The version in the first message of a file, behind a frame's twelve bytes and the time's nine."""

NAME = "tfevents"
"""What the name of every event file has in it."""

GRADIENT = {"grad", "grads", "gradient", "gradients"}
WEIGHT = {"weight", "weights", "param", "params", "parameter", "parameters"}
ACTIVATION = {"activation", "activations", "act", "acts", "output", "outputs"}
OWN_WEIGHT = ("weight", "bias", "kernel", "gamma", "beta", "embeddings")
"""What the last part of a parameter's own name begins with."""

LOSS = (
    "loss",
    "train/loss",
    "loss/train",
    "train_loss",
    "train/train_loss",
    "training_loss",
    "train_loss_step",
    "epoch_loss",
    "batch_loss",
)
"""Tags of the loss of the training, in lower case; of several the first of these is read."""

RATE = re.compile(r"(.*/)?(epoch_)?(lr|learning_rate)(-.*)?", re.IGNORECASE)

HISTOGRAM = re.compile(r"(?<=.)/histogram$")
"""What Keras puts behind a weight's name."""

NORMS = {
    "grad_norm": "gradient_norm",
    "gradient_norm": "gradient_norm",
    "grad_2.0_norm": "gradient_norm",
    "grad_2_norm": "gradient_norm",
    "weight_norm": "weight_norm",
    "param_norm": "weight_norm",
    "update_norm": "update_norm",
}
"""Words of scalar tags for a parameter's norms, the fourth as Lightning's `grad_norm` has it."""

BYTES_A_BYTE = 4
"""Memory that reading takes for each byte of a file, about: most for scalars, which are small messages."""

LOST = 1e-18
"""Root mean square below which a sum of squares in float32 has lost its digits."""

MOST_VALUES = 2**53
"""Values that a histogram may be of: more are not counted one by one in float64."""

LOST_DOUBLE = 1e-150
"""The same where the squares are ours, of TensorFlow's buckets in float64."""


def is_events(head: bytes) -> bool:
    """Is this the beginning of an event file?"""
    return head[21:].startswith(MARK)


def event_files(folder: Path) -> list[Path]:
    """The event files that lie in a folder, in the order in which they were begun."""
    return sorted(path for path in folder.iterdir() if NAME in path.name and path.is_file())


def joined(folder: Path) -> bytes:
    """The whole frames of all event files in a folder, such as those of a training that went on after a break."""
    parts = []
    for path in event_files(folder):
        content = path.read_bytes()
        parts.append(content[: whole_frames(content)])
    return b"".join(parts)


def read_events(content: bytes, memory_budget: int | None = None) -> Log:
    """The log in the bytes of event files, one behind the other; what is not whole yet at the end is left.

    A tag names a layer and a quantity: a histogram `0.weight`, `weights/0.weight`, `0.weight.grad`, `gradients/0.weight`,
    `activations/0`; a scalar `grad_norm/0.weight`, or any stored quantity of RECORDED_QUANTITIES before the name, as
    `delta_norm/0`; `loss` and `lr`. Norms, means and standard deviations come from a histogram's exact sums, or where it is
    TensorFlow's, which has none, from its buckets, as octaves and quantiles do. Raises ValueError, one sentence, where a part
    is damaged or the package protobuf is missing.
    """
    if memory_budget is not None and BYTES_A_BYTE * len(content) > memory_budget:
        raise ValueError(f"its numbers would take more than the {memory_budget / 2**20:,.0f} MB that are allowed")
    scalars: dict[str, dict[int, float]] = {}
    histograms: dict[str, dict[int, Any]] = {}
    for event in events(content):
        for value in event.summary.value:
            found: Any = None
            if value.HasField("simple_value"):
                found = value.simple_value
            elif value.HasField("histo"):
                found = value.histo
            elif value.HasField("tensor"):
                found = number_or_histogram(value)
            if isinstance(found, float):
                scalars.setdefault(value.tag, {})[event.step] = found
            elif found is not None and (0 < found.num < MOST_VALUES or math.isnan(found.min)):
                histograms.setdefault(value.tag, {})[event.step] = found
    log = Log("TensorBoard", [CAVEAT, *_of_buckets(histograms)])
    names = {tag: (histogram_of if tag in histograms else scalar_of)(tag)[1] for tag in (*histograms, *scalars)}
    order = in_order(names.values())
    scalars, histograms = (
        dict(sorted(each.items(), key=lambda item: order[names[item[0]]])) for each in (scalars, histograms)
    )
    left_out = _take_scalars(log, scalars) + _take_histograms(log, histograms)
    if left_out:
        log.caveats.append(
            f"Tags that name no layer's quantity were not read: {', '.join(left_out[:4])}{' …' * (len(left_out) > 4)}."
        )
    return log


CAVEAT = (
    "From TensorBoard's log: gradients are as they were when they were logged, which may be before or after clipping."
)


def _of_buckets(histograms: dict[str, dict[int, Any]]) -> list[str]:
    """What a reader has to know of numbers that are worked out from buckets."""
    estimated = [
        (each.off, tag) for tag, found in histograms.items() for each in found.values() if isinstance(each, Estimated)
    ]
    if not estimated:
        return [
            "Octaves and quantiles are worked out from TensorBoard's buckets; norms, means and standard deviations are exact."
        ]
    off, tag = max(estimated)
    return [
        "TensorFlow's histograms have no sums: all but smallest and largest value is estimated from their buckets, norms to a "
        f"factor of {off:.2g} in the worst case, that of {tag}."
    ]


def in_order(names: Iterable[str]) -> dict[str, int]:
    """The place of each name: numbered parts by their numbers, others as they come, a part behind what is inside it.

    >>> list(in_order(["2.bias", "10.bias", "0.bias", "2", "head.up", "head"]))
    ['0.bias', '2.bias', '2', '10.bias', 'head.up', 'head']
    """
    seen: dict[str, int] = {}

    def key(name: str) -> list[tuple[int, int]]:
        parts = name.split(".")
        prefixes = [".".join(parts[: end + 1]) for end in range(len(parts))]
        at = [seen.setdefault(prefix, len(seen)) for prefix in prefixes]
        return [(0, int(part)) if part.isdecimal() else (1, k) for part, k in zip(parts, at, strict=True)] + [(2, 0)]

    keys = {name: key(name) for name in names}
    return {name: place for place, name in enumerate(sorted(keys, key=lambda name: keys[name]))}


def _take_scalars(log: Log, scalars: dict[str, dict[int, float]]) -> list[str]:
    """Put the scalars into the log; the tags that were of no use."""
    left_out = []
    losses = sorted((LOSS.index(tag.lower()), tag) for tag in scalars if tag.lower() in LOSS)
    rates = [tag for tag in scalars if RATE.fullmatch(tag)]
    for tag, values in scalars.items():
        quantity, name = scalar_of(tag)
        if losses and tag == losses[0][1]:
            quantity, name = "loss", ""
        elif rates and tag == rates[0]:
            quantity, name = "learning_rate", ""
        if quantity:
            log.add(quantity, list(values), [name] * len(values), list(values.values()))
        else:
            left_out.append(tag)
    return left_out


def scalar_of(tag: str) -> tuple[str, str]:
    """The quantity and the layer's name that a scalar's tag says; "" for none.

    >>> scalar_of("grad_2.0_norm/net.0.weight"), scalar_of("blocks/3/update_norm"), scalar_of("accuracy/test")
    (('gradient_norm', 'net.0.weight'), ('update_norm', 'blocks.3'), ('', ''))
    """
    parts = tag.split("/")
    for word, rest in ((parts[0], parts[1:]), (parts[-1], parts[:-1])):
        quantity = NORMS.get(word.lower(), word if word in STORED else "")
        if quantity and rest:
            return quantity, ".".join(rest)
    return "", ""


def histogram_of(tag: str) -> tuple[str, str]:
    """What a histogram's tag says that it is of, "gradient", "weight" or "activation", and the layer's name; "" for none.

    >>> histogram_of("0.weight"), histogram_of("grads/fc/weight"), histogram_of("fc.bias.grad"), histogram_of("images")
    (('weight', '0.weight'), ('gradient', 'fc.weight'), ('gradient', 'fc.bias'), ('', ''))
    >>> histogram_of("sequential/dense/kernel/histogram")
    ('weight', 'sequential.dense.kernel')
    """
    tag = HISTOGRAM.sub("", tag)
    parts = tag.split("/")
    for words, kind in ((GRADIENT, "gradient"), (ACTIVATION, "activation")):
        for word, rest in ((parts[0], parts[1:]), (parts[-1], parts[:-1])):
            if word.lower() in words and rest:
                return kind, ".".join(rest)
    if parts[0].lower() in WEIGHT and parts[1:]:
        return "weight", ".".join(parts[1:])
    stem = re.fullmatch(r"(.+)[._-](?:grad|gradient)", tag, re.IGNORECASE)
    if stem:
        return "gradient", stem[1].replace("/", ".")
    last = re.split(r"[./]", tag)[-1]
    return ("weight", tag.replace("/", ".")) if last.lower().startswith(OWN_WEIGHT) else ("", "")


def _take_histograms(log: Log, histograms: dict[str, dict[int, Any]]) -> list[str]:
    """Put the histograms into the log; the tags that were of no use."""
    left_out, lost = [], set()
    for tag, found in histograms.items():
        kind, name = histogram_of(tag)
        if not kind:
            left_out.append(tag)
            continue
        steps, names = list(found), [name] * len(found)
        sums = np.array([[each.num, each.sum, each.sum_squares, each.min, each.max] for each in found.values()]).T
        least = np.array([LOST_DOUBLE if isinstance(each, Estimated) else LOST for each in found.values()])
        mean, rms, std = _moments(sums, least)
        there = rms != -1
        if not there.all():
            lost.add(name)
        at, own = np.array(steps)[there].tolist(), names[: int(there.sum())]
        if kind == "activation":
            sized = np.flatnonzero(sums[0] > 0)
            log.add("size", [steps[k] for k in sized], [name] * len(sized), sums[0][sized])
            for quantity, values in (("mean", mean), ("rms", rms), ("std", std)):
                log.add(f"activation_{quantity}", at, own, values[there])
            for quantity, values in (("min", sums[3]), ("max", sums[4])):
                log.add(f"activation_{quantity}", steps, names, values)
        else:
            with np.errstate(all="ignore"):
                log.add(f"{kind}_norm", at, own, (rms * np.sqrt(sums[0]))[there])
        for step, histogram in found.items():
            if kind == "activation":
                log.add_list("activation_quantiles", "module", step, name, quantiles_of(*_buckets(histogram)))
            elif kind == "gradient":
                log.add_list("gradient_octaves", "parameter", step, name, octaves_of(*_buckets(histogram)))
    if lost:
        log.caveats.append(
            f"Norms below {LOST:g} a value are blank: in the float32 of TensorBoard's writer their squares are lost, as those "
            f"of {', '.join(sorted(lost)[:4])}{' …' * (len(lost) > 4)}."
        )
    return left_out


def _moments(sums: Floats, least: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, root mean square and standard deviation, (n,) each; the second is -1 where it is below `least`: squares are lost."""
    num, total, squares, low, high = sums
    zero = (low == 0) & (high == 0)
    with np.errstate(all="ignore"):
        mean, rms = total / num, np.sqrt(squares / num)
        std = np.sqrt(np.maximum(np.square(rms) - np.square(mean), 0.0))
        return mean, np.where(zero, 0.0, np.where(rms < least, -1.0, rms)), np.where(zero, 0.0, std)


def _buckets(histogram: Any) -> tuple[Floats, Floats]:
    """Edges, (n + 1,), and counts, (n,), of a histogram's buckets, between its smallest and largest value."""
    right, counts = np.array(histogram.bucket_limit), np.array(histogram.bucket)
    if len(right) != len(counts):
        raise ValueError(f"a histogram has {len(right):,} limits for {len(counts):,} buckets")
    edges = np.concatenate([[-np.inf], right])
    low, high = (
        value if math.isfinite(value) else sign * np.inf for value, sign in ((histogram.min, -1), (histogram.max, 1))
    )
    return np.clip(edges, low, high), np.clip(np.where(np.isnan(counts), 0.0, counts), 0.0, 2.0**53)


def octaves_of(edges: Floats, counts: Floats) -> NDArray[np.uint16]:
    """How many values lie in each of OCTAVES, each bucket spread evenly over the logarithm of its magnitudes.

    A bucket with 0 in it is counted in the octave below its larger end, one of nothing but 0 not at all.

    >>> counts = octaves_of(np.array([0.25, 1.0, 2.0]), np.array([10.0, 3.0]))
    >>> {int(OCTAVES[k]): int(counts[k]) for k in np.flatnonzero(counts)}
    {-2: 5, -1: 5, 0: 3}
    """
    with np.errstate(all="ignore"):
        ends = np.log2(np.sort(np.abs(np.stack([edges[:-1], edges[1:]])), axis=0))
    holds_zero = (edges[:-1] <= 0) & (edges[1:] >= 0)
    low, high = np.where(holds_zero, ends[1] - 1, ends[0]), ends[1]
    kept = np.isfinite(low) & np.isfinite(high) & (counts > 0)
    low, high = (np.clip(each[kept], FIRST_OCTAVE, LAST_OCTAVE + 1) for each in (low, high))
    high = np.maximum(high, low + 1e-9)
    first = OCTAVES[:, None].astype(float)
    overlap = np.clip(np.minimum(high, first + 1) - np.maximum(low, first), 0, None)
    found = (overlap / (high - low) * counts[kept]).sum(axis=1)
    most = np.iinfo(np.uint16).max
    return np.round(found * min(1.0, most / max(found.sum(), 1.0))).astype(np.uint16)


def quantiles_of(edges: Floats, counts: Floats) -> Floats:
    """The quantiles at SPREAD, linear inside each bucket, (QUANTILES,)."""
    below = np.concatenate([[0.0], np.cumsum(counts)])
    if not below[-1] > 0:
        return np.full(len(SPREAD), np.nan)
    first, last = np.flatnonzero(counts)[[0, -1]]
    return np.interp(np.array(SPREAD) * below[-1], below[first : last + 2], edges[first : last + 2])
