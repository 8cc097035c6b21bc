"""What stands in an event file of TensorBoard: frames (length, checksum, message, checksum) around protocol buffers.

The messages that matter are declared here and parsed by Google's own protobuf, which the dashboard has anyway: the package
tensorboard would bring a web server, gRPC and 50 MB for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_BUCKETS = 10_000
"""Buckets that a histogram of TensorFlow may have: it has 30 unless told otherwise."""

PLUGINS = ("", "scalars", "histograms")
"""Plugins of TensorBoard whose tensors are read; "" where a tag's first event, which names it, is not there."""


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


def whole_frames(content: bytes) -> int:
    """The bytes of the frames that are whole, from the beginning of an event file."""
    end = 0
    while end + 12 <= len(content):
        after = end + 16 + int.from_bytes(content[end : end + 8], "little")
        if after > len(content):
            break
        end = after
    return end


# TensorFlow's tensors -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimated:
    """A histogram of TensorFlow, with the fields of TensorBoard's own: it has no sums, so these are of its buckets.

    `off`: the factor that the root of `sum_squares` may be off by, however the values lie within the buckets.
    """

    min: float
    max: float
    num: float
    sum: float
    sum_squares: float
    bucket_limit: Floats
    bucket: Floats
    off: float


def number_or_histogram(value: Any) -> float | Estimated | None:
    """What a value of tf.summary.scalar or tf.summary.histogram holds; None for the tensors of anything else."""
    if value.metadata.plugin_data.plugin_name not in PLUGINS:
        return None
    shape = tuple(each.size for each in value.tensor.tensor_shape.dim)
    is_histogram = len(shape) == 2 and 0 < shape[0] <= MOST_BUCKETS and shape[1] == 3
    if not is_histogram and shape not in ((), (1,)):
        return None
    numbers = _numbers(value.tensor, math.prod(shape))
    if numbers is None:
        return None
    if not is_histogram:
        return float(numbers[0])
    rows = numbers.reshape(shape)
    return of_buckets(rows) if (rows[:, 2] >= 0).all() else None


def of_buckets(rows: Floats) -> Estimated:
    """The histogram of rows (left end, right end, count), each value taken as spread evenly over its bucket.

    The outermost ends are the smallest and the largest value, each of which is there once at least. A single value has
    buckets without width, or one of width 1 around it in older files. Of values with a NaN the ends are NaN.

    >>> one = of_buckets(np.array([[-1.0, 0.0, 2.0], [0.0, 1.0, 2.0]]))
    >>> one.num, one.sum, round(one.sum_squares, 3), round(one.off, 3)
    (4.0, 0.0, 2.667, 1.225)
    >>> of_buckets(np.array([[1.5, 2.5, 8.0]])).sum_squares, of_buckets(np.array([[2.0, 2.0, 8.0]])).off
    (32.0, 1.0)
    """
    left, right, counts = rows.T
    with np.errstate(all="ignore"):
        if len(rows) == 1 and right[0] - left[0] == 1:
            left = right = (left + right) / 2
        low, high, rest, ends = left[0], right[-1], counts.copy(), 0.0
        for place, end in ((0, low), (-1, high)):
            if len(rest) > 1 and rest[place] >= 1:
                rest[place] -= 1
                ends += end * end
        squares = float((rest * (left * left + left * right + right * right)).sum() / 3 + ends)
        most = (rest * np.maximum(left * left, right * right)).sum() + ends
        least = (rest * np.where(left * right > 0, np.minimum(left * left, right * right), 0.0)).sum() + ends
        off = math.sqrt(max(squares / least, most / squares, 1.0)) if least > 0 and squares > 0 else 1.0
        total, num = float((counts * (left + right)).sum() / 2), float(counts.sum())
    return Estimated(float(low), float(high), num, total, squares, right, counts, off)


def _numbers(tensor: Any, size: int) -> Floats | None:
    """The entries of a tensor of floats, (size,): of fewer that are there the last goes on; None where there are none."""
    kind, own = {1: ("<f4", tensor.float_val), 2: ("<f8", tensor.double_val)}.get(tensor.dtype, ("", ()))
    if not kind:
        return None
    if tensor.tensor_content:
        if len(tensor.tensor_content) != size * np.dtype(kind).itemsize:
            return None
        return np.frombuffer(tensor.tensor_content, kind).astype(np.float64)
    found = np.array(own, np.float64)
    if not 0 < len(found) <= size:
        return None
    return np.concatenate([found, np.full(size - len(found), found[-1])])


# Messages -----------------------------------------------------------------------------------------------------------


@cache
def _event() -> Any:
    """The class of TensorBoard's message Event, with the fields that matter (event.proto, summary.proto, tensor.proto)."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="nncore/event.proto", package="nncore", syntax="proto2")
    for message, declared in {
        "Histogram": "1 min, 2 max, 3 num, 4 sum, 5 sum_squares, 6 bucket_limit*, 7 bucket*",
        "Dim": "1 size int64",
        "Shape": "2 dim Dim*",
        "Tensor": "1 dtype int32, 2 tensor_shape Shape, 4 tensor_content bytes, 5 float_val float*, 6 double_val*",
        "Plugin": "1 plugin_name string",
        "Metadata": "1 plugin_data Plugin",
        "Value": "1 tag string, 2 simple_value float, 5 histo Histogram, 8 tensor Tensor, 9 metadata Metadata",
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
