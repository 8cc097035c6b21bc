"""TensorBoard's event files as a recorded run: histograms of weights, gradients and activations, and scalars.

The files are frames (length, checksum, message, checksum) around protocol buffers. The five messages that matter are declared
here and parsed by Google's own protobuf, which the dashboard has anyway: the package tensorboard would bring a web server,
gRPC and 50 MB for them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.recorders.columns import FIRST_OCTAVE, LAST_OCTAVE, OCTAVES, STORED
from nncore.recorders.logs.log import Log
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

LOSS = ("loss", "train/loss", "loss/train", "train_loss", "train/train_loss", "training_loss", "train_loss_step")
"""Tags of the loss of the training, in lower case; of several the first of these is read."""

RATE = re.compile(r"(.*/)?(lr|learning_rate)(-.*)?", re.IGNORECASE)

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
        end = 0
        while end + 12 <= len(content):
            after = end + 16 + int.from_bytes(content[end : end + 8], "little")
            if after > len(content):
                break
            end = after
        parts.append(content[:end])
    return b"".join(parts)


def read_events(content: bytes, memory_budget: int | None = None) -> Log:
    """The log in the bytes of event files, one behind the other; what is not whole yet at the end is left.

    A tag names a layer and a quantity: a histogram `0.weight`, `weights/0.weight`, `0.weight.grad`, `gradients/0.weight`,
    `activations/0`; a scalar `grad_norm/0.weight`, or any stored quantity of RECORDED_QUANTITIES before the name, as
    `delta_norm/0`; `loss` and `lr`. Norms, means and standard deviations come from a histogram's exact sums, octaves and
    quantiles from its buckets. Raises ValueError, one sentence, where a part is damaged or the package protobuf is missing.
    """
    if memory_budget is not None and BYTES_A_BYTE * len(content) > memory_budget:
        raise ValueError(f"its numbers would take more than the {memory_budget / 2**20:,.0f} MB that are allowed")
    scalars: dict[str, dict[int, float]] = {}
    histograms: dict[str, dict[int, Any]] = {}
    for event in events(content):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                scalars.setdefault(value.tag, {})[event.step] = value.simple_value
            elif value.HasField("histo") and value.histo.num > 0:
                histograms.setdefault(value.tag, {})[event.step] = value.histo
    log = Log("TensorBoard", CAVEATS)
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


CAVEATS = (
    "From TensorBoard's log: gradients are as they were when they were logged, which may be before or after clipping.",
    "Octaves and quantiles are worked out from TensorBoard's buckets; norms, means and standard deviations are exact.",
)


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
    """
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
        mean, rms, std = _moments(*sums)
        if np.isnan(rms).any():
            lost.add(name)
        there = ~np.isnan(rms)
        at, own = np.array(steps)[there].tolist(), names[: int(there.sum())]
        if kind == "activation":
            log.add("size", steps, names, sums[0])
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


def _moments(num: Floats, total: Floats, squares: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, root mean square and standard deviation, (n,) each; NaN where the sum of squares has lost its digits."""
    zero = (low == 0) & (high == 0)
    with np.errstate(all="ignore"):
        mean, rms = total / num, np.sqrt(squares / num)
        rms = np.where(zero, 0.0, np.where(rms < LOST, np.nan, rms))
        return mean, rms, np.sqrt(np.maximum(np.square(rms) - np.square(mean), 0.0))


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


# Frames and messages ------------------------------------------------------------------------------------------------


def events(content: bytes) -> Iterator[Any]:
    """The whole events in the bytes of a file; raises ValueError, one sentence, where a checksum is wrong."""
    try:
        from google.protobuf.message import DecodeError
        from google_crc32c import value as checksum
    except ImportError as error:
        raise ValueError(
            f"an event file of TensorBoard needs the package {error.name} to be read: pip install 'nncore[tensorboard]'"
        ) from None
    begin, message, view = 0, _event(), memoryview(content)

    def is_right(start: int, end: int) -> bool:
        crc = checksum(bytes(view[start:end]))
        masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
        return masked == int.from_bytes(view[end : end + 4], "little")

    while begin + 12 <= len(content):
        start, length = begin + 12, int.from_bytes(view[begin : begin + 8], "little")
        if not is_right(begin, begin + 8):
            raise ValueError(f"it is damaged from byte {begin:,} on")
        end = start + length
        if end + 4 > len(content):
            return
        try:
            if not is_right(start, end):
                raise DecodeError("its checksum is wrong")
            yield message.FromString(bytes(view[start:end]))
        except DecodeError as error:
            raise ValueError(f"its message at byte {start:,} is damaged") from error
        begin = end + 4


@cache
def _event() -> Any:
    """The class of TensorBoard's message Event, with the fields that matter (event.proto, summary.proto)."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="nncore/event.proto", package="nncore", syntax="proto2")
    for message, declared in {
        "Histogram": "1 min, 2 max, 3 num, 4 sum, 5 sum_squares, 6 bucket_limit*, 7 bucket*",
        "Value": "1 tag string, 2 simple_value float, 5 histo Histogram",
        "Summary": "1 value Value*",
        "Event": "2 step int64, 5 summary Summary",
    }.items():
        added = file.message_type.add(name=message)
        for field in declared.split(", "):
            number, name, kind = (*field.rstrip("*").split(), "double")[:3]
            label = kinds.LABEL_REPEATED if field.endswith("*") else kinds.LABEL_OPTIONAL
            if kind[0].isupper():
                added.field.add(
                    name=name, number=int(number), label=label, type=kinds.TYPE_MESSAGE, type_name=f".nncore.{kind}"
                )
            else:
                added.field.add(name=name, number=int(number), label=label, type=getattr(kinds, f"TYPE_{kind.upper()}"))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("nncore.Event"))
