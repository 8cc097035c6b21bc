"""`nncore dashboard`: the Streamlit app, which the package brings along, with what `nncore[dashboard]` installs."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nncore
from nncore.command.arguments import whole
from nncore.config.own import FILE

ROOT = Path(nncore.__file__).parents[1]
APP = ROOT / "dashboard" / "served.py"

RECORDED = "NNCORE_RECORDED"
"""Environment variable, or Streamlit secret, with a recorded run or a directory of them: what the page of own models shows."""

EVERYWHERE = ("0.0.0.0", "::")
"""Addresses that stand for all of a machine's; a browser on it goes to localhost."""

PAUSE = 0.2
"""Seconds between two looks whether the server answers."""

HERE = ("localhost", "127.0.0.1", "::1")
"""Addresses that only this machine reaches; under them the app is asked for by no other name."""


def add_dashboard(parser: argparse.ArgumentParser) -> None:
    """The flags of `nncore dashboard`."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="a recorded run, .arrows, a log of TensorBoard, a tidy CSV, or a folder of them, to open",
    )
    parser.add_argument("--port", type=whole("port", 1, 65535), default=8501, help="where it listens (8501)")
    parser.add_argument("--address", default="localhost", help="on which address (localhost)")
    parser.add_argument("--headless", action="store_true", help="open no browser")


def dashboard_command(arguments: argparse.Namespace) -> int:
    """Start Streamlit and wait for it to end."""
    check_installed(APP, "the dashboard")
    _check_free(arguments.address, arguments.port)
    place = Path(arguments.file).absolute() if arguments.file else None
    if place is not None and not place.exists():
        raise ValueError(f"{arguments.file} is not there: a recorded run, .arrows, or a folder of them")
    opens_itself = place is not None and not arguments.headless
    command = [
        *(sys.executable, "-m", "streamlit", "run", str(APP)),
        *("--server.port", str(arguments.port), "--server.address", arguments.address),
        *("--server.headless", str(arguments.headless or opens_itself).lower()),
        *(() if arguments.address in HERE else ("--server.allowedHosts", "*")),
    ]
    given = {RECORDED: place, FILE: Path(arguments.own).absolute() if arguments.own else None}
    environment = os.environ | {name: str(each) for name, each in given.items() if each}
    host = "localhost" if arguments.address in EVERYWHERE else arguments.address
    has_ended = threading.Event()
    if opens_itself:
        url = f"http://{f'[{host}]' if ':' in host else host}:{arguments.port}"
        threading.Thread(target=_open_page, args=(url, "own_model", has_ended), daemon=True).start()
    try:
        code = _call(command, ROOT if (ROOT / ".streamlit").exists() else None, environment)
    finally:
        has_ended.set()
    return code if code in (0, 1, 2) else 130 if code < 0 else 1


def check_installed(file: Path, what: str) -> None:
    """Raise ValueError, one sentence, where the dashboard's package, of which this is a file, or what it needs is missing."""
    if not file.exists():
        raise ValueError("the package dashboard, which comes with nncore, is not beside it: install nncore again")
    missing = [module.title() for module in ("streamlit", "plotly") if find_spec(module) is None]
    if missing:
        raise ValueError(f"{what} needs {' and '.join(missing)}: pip install 'nncore[dashboard]'")


def _call(command: list[str], folder: Path | None, environment: dict[str, str]) -> int:
    """Run a command to its end and return its code, 0 after Ctrl-C; what ends this process ends that one, at the second time rudely."""
    started: list[subprocess.Popen[bytes]] = []
    heard: list[int] = []

    def end(number: int, _: object) -> None:
        heard.append(number)
        for process in started:
            process.terminate() if len(heard) == 1 else process.kill()

    with _on_the_end(end):
        started.append(subprocess.Popen(command, cwd=folder, env=environment))
        if heard:  # before there was anybody to tell
            started[0].terminate()
        code = started[0].wait()
    return 0 if signal.SIGINT in heard else code


@contextmanager
def _on_the_end(call: Callable[[int, Any], None]) -> Iterator[None]:
    """Have a function called by Ctrl-C and SIGTERM; only a main thread can be told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, call) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open_page(url: str, page: str, has_ended: threading.Event) -> None:
    """Open a page in the browser once its server answers; Streamlit itself opens its first page only."""
    while not has_ended.wait(PAUSE):
        with suppress(OSError, HTTPException), urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
            webbrowser.open(f"{url}/{page}")
            return


def _check_free(address: str, port: int) -> None:
    """Raise ValueError, one sentence, where nothing can listen at this address and port."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no address"
        raise ValueError(f"the dashboard cannot listen at {address!r}, port {port}: {reason}") from None
