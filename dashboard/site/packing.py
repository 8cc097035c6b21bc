"""What a page shows of a run, as a script that a page from a folder can load: frames as few bytes, read by host.js."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def script(name: str, content: Any) -> str:
    """A script that hands `content` to the page under a name.

    The packed arrays of `dashboard.plot.frames` in it become references into one block of bytes, in which the light and
    the dark figures share theirs; what is left is JSON. Both travel as one compressed text.
    """
    block = Block()
    head = json.dumps(block.take(content), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    whole = np.array([len(head)], "<u4").tobytes() + head + bytes(block.content)
    packed = base64.b64encode(zlib.compress(whole, 9)).decode()
    return f"nncoreSite.take({json.dumps(name)}, {json.dumps(packed)});\n"


class Block:
    """Bytes of arrays one after the other, each content once."""

    def __init__(self) -> None:
        self.content = bytearray()
        self._places: dict[bytes, int] = {}

    def take(self, value: Any) -> Any:
        """The same value with each packed array, {"dtype", "shape", "zlib"}, as {"dtype", "shape", "at"}."""
        if isinstance(value, Mapping):
            if "zlib" in value:
                return {"dtype": value["dtype"], "shape": value["shape"], "at": self._place(self._bytes(value))}
            return {key: self.take(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.take(each) for each in value]
        return value

    def _place(self, content: bytes) -> int:
        if content not in self._places:
            self._places[content] = len(self.content)
            self.content += content
        return self._places[content]

    def _bytes(self, packed: Mapping[str, Any]) -> bytes:
        stack = np.frombuffer(zlib.decompress(base64.b64decode(packed["zlib"])), f"<{packed['dtype']}")
        return differences(stack.reshape(packed["shape"][0], -1))


def differences(stack: np.ndarray) -> bytes:
    """The bytes of an array (n_frames, n_values), in which few differ from 0 where frames resemble each other.

    Each frame but the first is XORed with the one before; then come the first bytes of all values, the second bytes, and
    so on. It is undone by `rows` in host.js without a loss.
    """
    octets = np.ascontiguousarray(stack).view(np.uint8).copy()
    octets[1:] ^= octets[:-1].copy()
    return octets.reshape(*stack.shape, stack.itemsize).transpose(2, 0, 1).tobytes()
