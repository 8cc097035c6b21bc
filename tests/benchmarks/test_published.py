"""Published numbers: ours agree, and the document says what the command finds."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.published import __main__ as command
from benchmarks.published.by_hand import LOSS
from benchmarks.published.results import HEAD, RESULTS
from benchmarks.published.row import Result, Row
from nncore import MLP, Layout, check_gradient

PAGE = command.DOCUMENT.read_text(encoding="utf-8")


@cache
def rows_of(result: Result) -> list[Row]:
    """Its rows, computed once for all tests."""
    return result.rows()


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.title)
def test_ours_agree_and_the_document_says_so(result: Result) -> None:
    rows = rows_of(result)
    assert [row.line() for row in rows if not row.agrees] == []
    assert result.section(rows) in PAGE


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.title)
def test_no_line_of_the_document_rests_on_the_last_bits(result: Result) -> None:
    for row in rows_of(result):
        for rounding in (1 - 1e-13, 1 + 1e-13):
            assert replace(row, ours=row.ours * rounding).line() == row.line()


def test_the_document_has_these_publications_and_no_other() -> None:
    assert PAGE.startswith(HEAD)
    assert [line[3:] for line in PAGE.splitlines() if line.startswith("## ")] == [each.title for each in RESULTS]


def test_a_row_is_judged_by_the_last_published_digit() -> None:
    assert Row("x", "0.25", 0.2599).line() == "| x | 0.25 | 0.2599 | +0.0099 | 0.01 | yes |"
    assert not Row("x", "0.25", 0.2601).agrees
    assert Row("x", "1.0", 1.2, allowed="0.3", more=0).line() == "| x | 1.0 | 1.2 | +0.2 | 0.3 | yes |"
    assert Row("x", "0", -3e-12, allowed="1e-9", more=9).line() == "| x | 0 | 0.000000000 | 0 | 1e-09 | yes |"
    assert not Row("x", "1", float(np.nextafter(1.5, 2)), allowed="0.4", more=1).agrees


def test_a_bound_holds_below_it_alone() -> None:
    below = Row("x", "2.3026", 1.43, more=-2, formula="ln 10", is_bound=True)
    assert below.line() == "| x | below ln 10 = 2.3026 | 1.43 | -0.87 | any below | yes |"
    assert not replace(below, ours=2.31).agrees


def test_the_command_prints_and_writes_and_fails_where_a_number_does_not_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = (
        Result(title, "Somebody.", lambda ours=ours: [Row("x", "1", ours)]) for title, ours in (("A", 1), ("B", 3))
    )
    monkeypatch.setattr(command, "DOCUMENT", tmp_path / "published.md")
    monkeypatch.setattr(command, "RESULTS", (good,))
    assert command.main([]) == 0
    assert not command.DOCUMENT.exists()
    monkeypatch.setattr(command, "RESULTS", (good, bad))
    assert command.main(["--docs"]) == 1
    assert "| x | 1 | 3.00 | +2 | 1 | **no** |" in command.DOCUMENT.read_text(encoding="utf-8")
    assert capsys.readouterr().out.endswith(command.DOCUMENT.read_text(encoding="utf-8") + "\n")


def test_the_loss_of_a_sigmoid_output_has_the_gradient_of_its_differences() -> None:
    rng = np.random.default_rng(0)
    network = MLP(Layout((3, 4, 2)), "sigmoid")
    x, y = rng.standard_normal((5, 3)), rng.uniform(size=(5, 2))
    check_gradient(network, LOSS, rng.standard_normal(network.layout.n_params), x, y)
