"""The short form of `make soak`: sessions that speak Streamlit's protocol, and kills."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks import reliability


def said_by(part: Callable[..., list[str]]) -> list[str]:
    """What a part says in short, from a thread of its own: the browser of other tests has an event loop in this one."""
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(part, short=True).result()


def test_a_history_that_is_written_over_is_whole_after_every_kill() -> None:
    (said,) = reliability.kill(short=True)
    assert re.fullmatch(
        r"3 kills of a command that writes over a history, \d of them while it wrote: 3 times the file was whole", said
    )


def test_a_small_run_is_shown_beside_three_long_ones_and_a_closed_tab_leaves_an_idle_server() -> None:
    (said,) = said_by(reliability.fairness)
    assert said.startswith("a small run is shown after")
    (said,) = said_by(reliability.closed)
    assert "after its tab was closed" in said


def test_hostile_addresses_leave_every_page_without_an_error_and_the_server_at_work() -> None:
    (said,) = said_by(reliability.addresses)
    assert said == f"40 hostile addresses on {len(reliability.PAGES)} pages: 0 errors"


def test_the_counts_that_the_tests_print_are_found_in_what_pytest_writes() -> None:
    lines = (".csv: 400 damaged files, 361 refused", "F2,000 command lines, by code: {0: 1}", "1 passed in 2.00s")
    assert [reliability._counted(line, "damaged files") for line in lines] == ["csv: 400 damaged files", "", ""]
    assert [reliability._counted(line, "command lines") for line in lines] == ["", "2,000 command lines", ""]
