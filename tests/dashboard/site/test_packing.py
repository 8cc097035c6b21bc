"""What the page unpacks is what was packed: every bit, each content once."""

import base64
import json
import re
import zlib

import numpy as np
import pytest

from dashboard.plot.frames import frames_of
from dashboard.site.packing import differences, script


def unpacked(text: str) -> tuple[str, object, bytes]:
    """(name, the JSON, the block of bytes) of a script."""
    name, packed = re.fullmatch(r'nncoreSite\.take\("(.*)", "(.*)"\);\n', text).groups()
    whole = zlib.decompress(base64.b64decode(packed))
    (size,) = np.frombuffer(whole[:4], "<u4")
    return name, json.loads(whole[4 : 4 + size]), whole[4 + size :]


def undone(block: bytes, dtype: str, shape: list[int], at: int) -> np.ndarray:
    """As `rows` in host.js does it."""
    size = np.dtype(dtype).itemsize
    frames, count = shape[0], int(np.prod(shape[1:]))
    octets = np.frombuffer(block, np.uint8, frames * count * size, at).reshape(size, frames, count)
    octets = np.bitwise_xor.accumulate(octets, axis=1).transpose(1, 2, 0)
    return np.ascontiguousarray(octets).view(f"<{dtype}").reshape(shape)


@pytest.mark.parametrize("dtype", ["u1", "i4", "f4", "f8"])
def test_arrays_come_back_bit_for_bit(dtype: str) -> None:
    rng = np.random.default_rng(0)
    stack = np.frombuffer(rng.bytes(5 * 7 * np.dtype(dtype).itemsize), f"<{dtype}").reshape(5, 7)
    found = undone(differences(stack), dtype, [5, 7], 0)
    assert found.tobytes() == stack.tobytes()


def test_light_and_dark_share_their_arrays() -> None:
    curves = np.random.default_rng(1).normal(size=(4, 50))
    themes = {
        theme: frames_of([{"data": [{"y": curve, "color": colour}], "layout": {}} for curve in curves])
        for theme, colour in (("light", "#000"), ("dark", "#fff"))
    }
    name, content, block = unpacked(script("runs/a-1.5", themes))
    assert name == "runs/a-1.5" and len(block) == curves.nbytes
    for theme, colour in (("light", "#000"), ("dark", "#fff")):
        (build,) = content[theme]["builds"]
        assert build["figure"]["data"][0]["color"] == colour
        (change,) = build["changes"]
        np.testing.assert_array_equal(undone(block, **change["values"]), curves)
