"""A figure with NumPy arrays -> the same figure as plain JSON, arrays as the bytes that plotly.js reads."""

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_INT32 = np.iinfo(np.int32)


def encode(value: Any) -> Any:
    """The JSON form of a figure or a part of it.

    Numbers in an array become plotly.js's typed-array form `{"dtype", "bdata", "shape"}`: base64 of the
    little-endian bytes, so NaN and infinities survive (plotly.js draws both as gaps). float16 becomes
    float32; int64 becomes int32 where it fits and float64 otherwise, because JavaScript has no other; bool
    becomes 0 and 1. Text, dates and objects become lists. A NaN or an infinity *outside* an array becomes
    null, which JSON can write.

    Raises TypeError for what has no JSON form, and ValueError for numbers in more than three dimensions.

    >>> encode({"y": np.array([1.0, np.nan], dtype=np.float32), "name": "layer 1", "width": np.float64(2)})
    {'y': {'dtype': 'f4', 'bdata': 'AACAPwAAwH8='}, 'name': 'layer 1', 'width': 2.0}
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    if isinstance(value, np.generic) and value.dtype.kind in "biufU":
        return encode(value.item())
    if hasattr(value, "__array__"):
        return _encode_array(np.asarray(value))
    raise TypeError(
        f"a figure may hold None, text, numbers, arrays, lists and dicts; got {value!r} of type {type(value).__name__}"
    )


def _encode_array(array: np.ndarray) -> Any:
    if array.ndim == 0:
        return encode(array.item())
    if array.size == 0:
        return []
    match array.dtype.kind:
        case "b":
            dtype = "u1"
        case "f":
            dtype = "f4" if array.dtype.itemsize <= 4 else "f8"
        case "i" | "u" if array.dtype.itemsize < 8:
            dtype = f"{array.dtype.kind}{array.dtype.itemsize}"
        case "i" | "u":
            dtype = "i4" if _INT32.min <= array.min() and array.max() <= _INT32.max else "f8"
        case "M":
            return np.datetime_as_string(array).tolist()
        case "U":
            return array.tolist()
        case "O":
            return [encode(item) for item in array]
        case _:
            raise TypeError(f"an array must hold real numbers, text or dates; got dtype {array.dtype}")
    if array.ndim > 3:
        raise ValueError(f"an array must have at most 3 dimensions; got shape {array.shape}")
    data = np.ascontiguousarray(array, dtype=f"<{dtype}")
    spec = {"dtype": dtype, "bdata": base64.b64encode(data).decode()}
    if array.ndim > 1:
        spec["shape"] = ",".join(map(str, array.shape))
    return spec
