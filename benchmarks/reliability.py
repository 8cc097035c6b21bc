"""`python -m benchmarks.reliability [PART ...] [--short]`: what a crowd, a closed tab, a kill, a hostile address or file does.

A server of its own is started, and sessions speak Streamlit's protocol to it over WebSockets. Written to RELIABILITY.md when
everything was asked for at full length.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
from playwright.sync_api import sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from benchmarks.processes import compare
from dashboard.state.address import FIRST_SETTINGS
from dashboard.state.session import EXPERIMENT, STEP
from nncore import History
from nncore.history.whole_file import write_whole_text
from tests.browser import chromium
from tests.browser.walk import Walk

ROOT = Path(__file__).parents[1]
DOCUMENT = Path(__file__).with_name("RELIABILITY.md")
SMALL = "dataset=circles&depth=4&width=8&steps=60&n_samples=80&seed={seed}"
LONG = "dataset=circles&depth=10&width=64&steps=12000&record_every=100&n_samples=400&seed={seed}"
"""Addresses of the lab: a run of a tenth of a second, and one of about half a minute."""

PAGES = (
    *(
        "",
        "gallery",
        "compare",
        "neurons",
        "fork",
        "map",
        "propagation",
        "landscape",
        "your_data",
        "open_file",
        "own_model",
    ),
    *("lecture_neuron", "lecture_forward", "lecture_backward", "lecture_vanishing"),
)
"""Addresses of the app's pages."""

OTHER_KEYS = (
    "lesson",
    "note",
    "only",
    "show",
    "parts",
    "p_c",
    "f_step",
    "plane",
    "sharpness",
    "nobody",
    "",
    "$$ID-0-None",
)
HOSTILE = (
    *("0", "-1", "1e400", "nan", "inf", "99999999999999999999", "9" * 5000, "", " ", "None", "true", "0x10", "½", "٣"),
    *(
        "<script>alert(1)</script>",
        "'; drop table runs; --",
        "../../etc/passwd",
        "{{7*7}}",
        "%00",
        "\x00",
        "\u202e",
        "x" * 9000,
    ),
    *(
        "relu",
        "4x2",
        "64, 64x99999999",
        "table",
        "moons",
        "[1, 2]",
        "{}",
        "a,b",
        "adam",
        "lsuv",
        "2048x200",
        "1e-300",
        "0.7",
    ),
)
"""What the addresses of hostile visitors say."""

START_SECONDS = 120.0
ANSWER_SECONDS = 300.0
IDLE_SECONDS = 2.0
"""A server that computes next to nothing for so long is idle."""

LONGEST_WRITE = 0.05
"""Seconds after which a history that is being written is there, or nearly."""

ALONE_SECONDS = 10.0
"""What a session waits alone is measured for so long before a crowd, and again after it."""

TABS = 4
"""Tabs that open hostile addresses side by side: what one of them waits for, another uses."""


@contextmanager
def server(script: Path = ROOT / "dashboard" / "served.py") -> Iterator[tuple[int, psutil.Process]]:
    """(port, process) of the dashboard, or of another app of Streamlit's."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    options = [f"--server.port={port}", "--server.headless=true", "--server.fileWatcherType=none"]
    command = [sys.executable, "-m", "streamlit", "run", str(script), *options]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait_until(lambda: _answers(port), START_SECONDS)
            yield port, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _wait_until(true: Callable[[], bool], seconds: float) -> float:
    """Seconds until it is true; raises TimeoutError."""
    begun = time.monotonic()
    while not true():
        if time.monotonic() - begun > seconds:
            raise TimeoutError
        time.sleep(0.1)
    return time.monotonic() - begun


@dataclass
class Answer:
    """What a page's script drew: seconds to its end, whether its run is there, and the errors it showed."""

    seconds: float
    has_charts: bool
    errors: list[str]


class Session:
    """A browser tab: one WebSocket."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket

    async def show(self, address: str) -> Answer:
        """Ask for the lab under an address and wait until its run is drawn, as the page's own timer does."""
        begun, errors = time.monotonic(), []
        await self._ask(address)
        while True:
            has_charts, fragments = False, []
            while True:
                message = ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), ANSWER_SECONDS))
                kind = message.WhichOneof("type")
                if kind == "delta":
                    element = message.delta.new_element
                    if element.WhichOneof("type") == "exception":
                        errors.append(element.exception.message)
                    text = message.SerializeToString()
                    has_charts = has_charts or b"chart_flow" in text
                elif kind == "auto_rerun":
                    fragments.append((message.auto_rerun.fragment_id, message.auto_rerun.interval))
                elif kind == "script_finished":
                    break
            if has_charts or errors or time.monotonic() - begun > ANSWER_SECONDS:
                return Answer(time.monotonic() - begun, has_charts, errors)
            await asyncio.sleep(fragments[0][1] if fragments else 0.4)
            await self._ask(address)

    async def begin(self, address: str) -> None:
        """Ask, and read until its run goes on, or waits for its turn."""
        await self._ask(address)
        while True:
            message = ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), ANSWER_SECONDS))
            if message.delta.new_element.progress.text.startswith(("Training: step", "Waiting for its turn")):
                return

    async def look(self, address: str, page: str) -> list[str]:
        """Open a page under an address; the errors that it shows when its script has ended."""
        await self._ask(address, page)
        errors = []
        while True:
            message = ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), ANSWER_SECONDS))
            if message.delta.new_element.WhichOneof("type") == "exception":
                errors.append(message.delta.new_element.exception.message)
            if message.WhichOneof("type") == "script_finished":
                return errors

    async def _ask(self, address: str, page: str = "") -> None:
        message = BackMsg()
        message.rerun_script.query_string = address
        message.rerun_script.page_name = page
        await self.socket.send(message.SerializeToString())


def tab(port: int, connect: Callable[..., Any] = connect) -> Any:
    """`async with tab(port) as socket`: a connection like a browser's; without async, where `connect` is that of websockets.sync."""
    return connect(
        f"ws://127.0.0.1:{port}/_stcore/stream", origin=f"http://127.0.0.1:{port}", subprotocols=["streamlit"],
        max_size=None, ping_interval=None,
    )  # fmt: skip


# What is tried ------------------------------------------------------------------------------------------------


def load(short: bool) -> list[str]:
    """Sessions that change their set-up again and again, beside one session alone."""
    sessions, seconds = (4, 10) if short else (20, 120)

    async def many(port: int, count: int, until: float, seeds: random.Random) -> list[Answer]:
        found: list[Answer] = []

        async def one() -> None:
            async with tab(port) as opened:
                session = Session(opened)
                while time.monotonic() < until:
                    found.append(await session.show(SMALL.format(seed=seeds.randrange(2**31))))

        await asyncio.gather(*(one() for _ in range(count)))
        return found

    with server() as (port, process):
        asyncio.run(many(port, 1, time.monotonic() + 0.1, random.Random(2)))  # the first page loads the modules
        alone = asyncio.run(many(port, 1, time.monotonic() + ALONE_SECONDS, random.Random(0)))
        before, begun = sum(process.cpu_times()[:2]), time.monotonic()
        together = asyncio.run(many(port, sessions, time.monotonic() + seconds, random.Random(1)))
        cores = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - begun)
        alone += asyncio.run(many(port, 1, time.monotonic() + ALONE_SECONDS, random.Random(3)))  # others come and go
    fair = sessions * statistics.median(each.seconds for each in alone)
    waits = sorted(each.seconds for each in together)
    errors = [error for each in (*alone, *together) for error in each.errors]
    return [
        f"{sessions} sessions for {seconds} s: {len(together):,} set-ups shown, {len(errors)} errors {errors[:1] or ''}".strip(),
        f"one session alone waits {fair / sessions:.2f} s (median), so that a fair share is {fair:.1f} s; "
        f"{sessions} sessions wait {statistics.median(waits):.1f} s (median), {waits[-1]:.1f} s at most, "
        f"{waits[-1] / fair:.2f} × a fair share",
        f"cores used: {cores:.2f}",
    ]


def fairness(short: bool) -> list[str]:
    """A small run beside three long ones."""

    async def tried(port: int) -> tuple[float, float]:
        async with tab(port) as first:
            await Session(first).show(SMALL.format(seed=0))  # the first page loads the modules
            alone = (await Session(first).show(SMALL.format(seed=1))).seconds
        tabs = [await tab(port) for _ in range(3)]
        for seed, each in enumerate(tabs):
            await Session(each).begin(LONG.format(seed=seed))
        async with tab(port) as another:
            beside = (await Session(another).show(SMALL.format(seed=2))).seconds
        for each in tabs:
            await each.close()
        return alone, beside

    with server() as (port, _):
        alone, beside = asyncio.run(tried(port))
    return [f"a small run is shown after {alone:.1f} s alone and after {beside:.1f} s beside three long ones"]


def closed(short: bool) -> list[str]:
    """A tab that is closed while its run goes on."""

    async def leave(port: int) -> None:
        async with tab(port) as opened:
            await Session(opened).begin(LONG.format(seed=3))

    with server() as (port, process):

        def is_idle() -> bool:
            before = sum(process.cpu_times()[:2])
            time.sleep(IDLE_SECONDS)
            return sum(process.cpu_times()[:2]) - before < 0.05 * IDLE_SECONDS

        asyncio.run(leave(port))
        seconds = _wait_until(is_idle, ANSWER_SECONDS) - IDLE_SECONDS
    return [f"a run of half a minute ends {seconds:.1f} s after its tab was closed"]


def memory(short: bool) -> list[str]:
    """Many runs in one session, and what stays when it has gone."""
    runs = 40 if short else 500

    async def tried(port: int, process: psutil.Process) -> list[float]:
        sizes = []
        async with tab(port) as opened:
            session = Session(opened)
            for seed in range(runs):
                await session.show(f"dataset=circles&depth=8&width=32&steps=100&seed={seed}")
                sizes.append(process.memory_info().rss / 2**20)
        return sizes

    with server() as (port, process):
        before = process.memory_info().rss / 2**20
        sizes = asyncio.run(tried(port, process))
        time.sleep(45)
        after = process.memory_info().rss / 2**20
    quarter = max(runs // 4, 1)
    return [
        f"{runs} runs in one session: {before:.0f} MB at the start, {max(sizes):.0f} MB at most; medians of the four quarters "
        + ", ".join(f"{statistics.median(sizes[i * quarter : (i + 1) * quarter]):.0f}" for i in range(4))
        + f" MB; {after:.0f} MB 45 s after the session has left"
    ]


def kill(short: bool) -> list[str]:
    """kill -9 of a command that writes over a history, as soon as its draft stands beside the old one, or a little later."""
    tries, whole, amid = (3 if short else 60), 0, 0
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.parquet"
        command = [sys.executable, "-m", "nncore", "run", "--quiet", "--steps", "1500", "--out", str(path)]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        for _ in range(tries):
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while process.poll() is None and not any(path.parent.glob(".*.tmp")):
                time.sleep(0.001)
            time.sleep(rng.uniform(0.0, LONGEST_WRITE))
            process.send_signal(signal.SIGKILL)
            process.wait()
            left = list(path.parent.glob(".*.tmp"))
            amid += bool(left)
            for each in left:
                each.unlink()
            whole += len(History.from_parquet(path)) == 1501
    return [
        f"{tries} kills of a command that writes over a history, {amid} of them while it wrote: {whole} times the file was whole"
    ]


def history(short: bool) -> list[str]:
    """A random walk through the pages in Chromium, and then all the way Back and Forward."""
    actions = 30 if short else 300
    with server() as (port, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.FLAGS))
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(1000 * ANSWER_SECONDS)
        reader = Walk(page, f"http://127.0.0.1:{port}")
        reader.wander(actions)
        reader.retrace()
        browser.close()
    return [
        f"{actions} actions through menu, links, buttons, sliders, Back and Forward left {len(reader.entries)} entries; all the "
        "way back and forth again, each showed what it had shown when it was left"
    ]


def first_sight(short: bool) -> list[str]:
    """Memory of the run that the page opens on, in a process of its own."""
    code = (
        "import psutil, tracemalloc\n"
        "from dashboard.state.address import FIRST_SIGHT\n"
        "from nncore import run\n"
        "run(FIRST_SIGHT.replace(steps=1), compact=True)\n"
        "before = psutil.Process().memory_info().rss\n"
        "history = run(FIRST_SIGHT, compact=True)\n"
        "grown = psutil.Process().memory_info().rss - before\n"
        "tracemalloc.start()\n"
        "run(FIRST_SIGHT, compact=True)\n"
        "print(*(each / 2**20 for each in (tracemalloc.get_traced_memory()[1], history.nbytes, grown)))\n"
    )
    child = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    peak, kept, grown = map(float, child.stdout.split())
    return [
        f"the first sight's run takes {peak:.1f} MB at its peak and keeps {kept:.1f} MB of history; its process grows by {grown:.0f} MB"
    ]


def addresses(short: bool) -> list[str]:
    """Hostile query parameters on every page."""
    tries, rng = (40, random.Random(0)) if short else (600, random.Random(0))
    keys = [*FIRST_SETTINGS, STEP, EXPERIMENT, *OTHER_KEYS]

    asked = [
        ([(rng.choice(keys), rng.choice(HOSTILE)) for _ in range(rng.randint(1, 4))], rng.choice(PAGES))
        for _ in range(tries)
    ]

    async def tried(port: int) -> list[str]:
        errors: list[str] = []

        async def one() -> None:
            async with tab(port) as opened:
                session = Session(opened)
                while asked:
                    parameters, page = asked.pop()
                    errors.extend(await session.look(urlencode(parameters), page))

        await asyncio.gather(*(one() for _ in range(TABS)))
        async with tab(port) as opened:  # the others may keep settings of which no run is made
            answer = await Session(opened).show(SMALL.format(seed=1))
        return errors + answer.errors + ([] if answer.has_charts else ["no charts afterwards"])

    with server() as (port, _):
        errors = asyncio.run(tried(port))
    return [f"{tries} hostile addresses on {len(PAGES)} pages: {len(errors)} errors {errors[:1] or ''}".strip()]


def files(short: bool) -> list[str]:
    """Damaged files, as many as the tests try."""
    return _printed("tests/nncore/history/test_what_is_said.py", "damaged files")


def command_lines(short: bool) -> list[str]:
    """Command lines of any kind, as many as the tests try."""
    return _printed("tests/nncore/command/test_any_command_line.py", "command lines")


def _printed(tests: str, what: str) -> list[str]:
    """The lines with counts that these tests print; raises CalledProcessError where one of them fails."""
    command = [sys.executable, "-m", "pytest", "-s", "-q", tests, "-k", "short_and_plain or any_command_line_ends"]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line[line.index(each) :] for line in child.stdout.splitlines() if (each := _counted(line, what))]


def _counted(line: str, what: str) -> str:
    """Where in a line the counts begin: the word before the number of `what`; "" where it counts none."""
    found = re.search(rf"(\w+: )?[\d,]+ {what}", line)
    return found[0] if found else ""


def processes(short: bool) -> Iterator[str]:
    """Threads beside processes, under the same requests."""
    return compare(4, 2) if short else compare(20, 10)


PARTS: dict[str, Callable[[bool], Iterable[str]]] = {
    "load": load,
    "fairness": fairness,
    "closed": closed,
    "memory": memory,
    "kill": kill,
    "history": history,
    "first_sight": first_sight,
    "addresses": addresses,
    "files": files,
    "command_lines": command_lines,
    "processes": processes,
}

HEAD = """# What a crowd, a closed tab or a kill does

Written by `make soak` (`python -m benchmarks.reliability`) on {cores} cores; one part alone is
`python -m benchmarks.reliability PART`, seconds of it `--short`.

"""


def main() -> None:
    """Try what is asked for, print, and write the document where that is all of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*PARTS, []], metavar="WHAT", help=f"any of {', '.join(PARTS)}")
    parser.add_argument("--short", action="store_true", help="seconds of each instead of minutes")
    arguments = parser.parse_args()
    text = HEAD.format(cores=psutil.cpu_count())
    for name in arguments.what or PARTS:
        for line in PARTS[name](arguments.short):
            print(f"{name}: {line}", flush=True)
            text += f"- **{name}**: {line}.\n"
    if not arguments.what and not arguments.short:
        write_whole_text(DOCUMENT, text)


if __name__ == "__main__":
    main()
