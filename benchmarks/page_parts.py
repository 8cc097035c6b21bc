"""Where a page's time goes: until the server is told, in the server, and in the browser until it is painted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from benchmarks.reliability import ANSWER_SECONDS, tab

NOTE_TOLD = """(() => {
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (message) {
    (window.told ??= []).push(performance.now());
    send.call(this, message);
  };
})()"""
"""Keeps in `window.told` when the browser told the server something."""

SENT = {
    "floor": {"headline": b"Depth 1"},
    "lab": {
        "headline": b"-badge[:material",
        "network": b"-chart_network",
        "flow": b"-chart_flow",
        "charts": b"-chart_total",
    },
}
"""App -> what is waited for -> bytes of the message that brings it, of all charts the last one's."""


class Told:
    """What a page tells its server, message by message; make it before the page is opened."""

    def __init__(self, page: Page) -> None:
        self.messages: list[bytes] = []
        page.add_init_script(NOTE_TOLD)
        page.on("websocket", lambda socket: self._follow(socket))

    def _follow(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda message: self.messages.append(message) if isinstance(message, bytes) else None)


class Replay:
    """A reader without a browser: tells a server what a page has told it, and notes when the answers are there."""

    def __init__(self, socket: Any, app: str) -> None:
        self.socket, self.sent = socket, SENT[app]
        self.known: dict[str, set[str]] = {}

    def ask(self, message: bytes) -> dict[str, float]:
        """Milliseconds until the first message that brings each of them, and until the script has ended ("idle")."""
        asked = BackMsg.FromString(message)
        if asked.rerun_script.cached_message_hashes:  # what the server need not send again
            asked.rerun_script.cached_message_hashes[:] = self.known
        begun, found = time.perf_counter(), dict[str, float]()
        self.socket.send(asked.SerializeToString())
        while "idle" not in found:
            text = self.socket.recv(ANSWER_SECONDS)
            passed = 1000 * (time.perf_counter() - begun)
            for name in self._brought(text):
                found.setdefault(name, passed)
        return found

    def _brought(self, text: bytes) -> set[str]:
        """What a message brings; one that the reader has had before comes as its hash."""
        message = ForwardMsg.FromString(text)
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            return self.known.get(message.ref_hash, set())
        brought = {name for name, part in self.sent.items() if part in text} if kind == "delta" else set()
        if message.hash:
            self.known[message.hash] = brought
        return {"idle"} if kind == "script_finished" else brought


@contextmanager
def replay(port: int, app: str) -> Iterator[Replay]:
    """A reader without a browser of the app at a port."""
    with tab(port, connect) as socket:
        yield Replay(socket, app)


def with_seed(message: bytes, seed: int) -> bytes:
    """What tells the server of the same set-up under another seed."""
    asked = BackMsg.FromString(message)
    (state,) = (each for each in asked.rerun_script.widget_states.widgets if each.id.endswith("-seed"))
    state.double_value = seed
    return asked.SerializeToString()
