"""The short form of `make soak`: sessions that speak Streamlit's protocol, and kills."""

from benchmarks import reliability


def test_a_history_that_is_written_over_is_whole_after_every_kill() -> None:
    assert reliability.kill(short=True) == [
        "3 kills of a command that writes over a history: 3 times the file was whole"
    ]


def test_a_small_run_is_shown_beside_three_long_ones_and_a_closed_tab_leaves_an_idle_server() -> None:
    (said,) = reliability.fairness(short=True)
    assert said.startswith("a small run is shown after")
    (said,) = reliability.closed(short=True)
    assert "after its tab was closed" in said
