"""Whole numbers spread evenly over a range: both ends, no gap twice as wide as another, none twice."""

import numpy as np
import pytest

from nncore.numerics.spacing import evenly_spaced


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("count", [1, 2, 7, 60, 997])
@pytest.mark.parametrize("at_most", [2, 3, 7, 60, 1000])
def test_the_ends_are_among_them_and_the_gaps_alike(first: int, count: int, at_most: int) -> None:
    found = evenly_spaced(first, first + count - 1, at_most)
    assert len(found) == min(count, at_most)
    assert (found[0], found[-1]) == (first, first + count - 1)
    gaps = np.diff(found)
    assert not len(gaps) or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)


def test_one_is_the_first_and_of_none_there_are_none() -> None:
    assert evenly_spaced(3, 9, 1).tolist() == evenly_spaced(3, 9, 0).tolist() == [3]
    assert evenly_spaced(0, -1, 5).tolist() == []
