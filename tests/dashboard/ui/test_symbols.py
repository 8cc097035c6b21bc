"""One table of symbols serves the lab and the lecture, and δ is said where it first stands."""

import pytest

from dashboard.words import symbols
from tests.dashboard.lab import SMALL, opened, opened_on

LECTURE = ("lecture_neuron", "lecture_forward", "lecture_backward", "lecture_vanishing")


@pytest.mark.parametrize("address", LECTURE)
def test_every_page_of_the_lecture_has_the_table(address: str) -> None:
    app = opened_on(address)
    assert not app.exception
    assert [each.value for each in app.markdown].count(symbols.table(symbols.NETWORK)) == 1


def test_lab_has_the_same_table_and_says_what_delta_is_below_its_first_picture() -> None:
    app = opened(**SMALL)
    assert symbols.table(symbols.NETWORK) in [each.value for each in app.markdown]
    said = [each.value for each in app.caption]
    first = [place for place, text in enumerate(said) if "δ" in text]
    assert said.index(symbols.DELTA) in first[:2]  # the network's own caption says what its rings are


def test_lesson_of_other_charts_does_not_explain_delta() -> None:
    said = [each.value for each in opened(**SMALL, lesson="Loss", show="loss").caption]
    assert symbols.DELTA not in said


def test_every_symbol_says_what_it_means_once() -> None:
    every = [*symbols.NETWORK, *symbols.THEORY]
    assert all(each.lab or each.lecture for each in every) and all(each.meaning for each in every)
    named = [each.lab for each in every if each.lab]
    assert len(set(named)) == len(named)
