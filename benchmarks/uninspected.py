"""A Chromium whose pages nobody inspects: with an inspector, as Playwright's, it reads every script more slowly."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from tests.browser import chromium
from tests.patience import until


class Chromium:
    """A browser by its DevTools protocol, of which no domain is switched on that follows a page's scripts."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.numbers = socket, count(1)

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """The result of a method of the protocol, of the browser or of a page's session; raises RuntimeError."""
        number = next(self.numbers)
        asked = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        self.socket.send(json.dumps(asked))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])

    def measure(self, address: str, size: dict[str, int], script: str, value: str) -> Any:
        """What a JavaScript expression says of a page that is opened in a profile of its own, once that is not null.

        `script` is run before the page's own.
        """
        profile = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=profile, **size)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable", session)
        self.call("Page.addScriptToEvaluateOnNewDocument", session, source=script)
        self.call("Page.navigate", session, url=address)
        found: list[Any] = []

        def is_there() -> bool:
            time.sleep(0.2)  # a question keeps the page busy, too
            answer = self.call("Runtime.evaluate", session, expression=value, returnByValue=True)
            found[:] = [answer["result"].get("value")]
            return found[0] is not None

        until(is_there)
        self.call("Target.disposeBrowserContext", browserContextId=profile)
        return found[0]


@contextmanager
def uninspected(executable: str | None) -> Iterator[Chromium]:
    """A Chromium of its own, without a window."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        port = Path(folder, "DevToolsActivePort")
        options = ["--headless=new", *chromium.FLAGS, f"--user-data-dir={folder}", "--remote-debugging-port=0"]
        process = subprocess.Popen(
            [str(executable), *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            until(lambda: port.exists() and len(port.read_text().split()) == 2)
            number, path = port.read_text().split()
            with connect(f"ws://127.0.0.1:{number}{path}", max_size=None) as socket:
                yield Chromium(socket)
        finally:
            process.terminate()
            process.wait()
