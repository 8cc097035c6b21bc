from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncore.model.layout import Layout

WIDTHS = st.lists(st.integers(1, 5), min_size=2, max_size=5).map(tuple)


def test_biases_come_first_then_weights_row_by_row() -> None:
    (weight_1, bias_1), (weight_2, bias_2) = Layout((2, 3, 1)).split(np.arange(13.0))
    assert bias_1.tolist() == [0, 1, 2]
    assert weight_1.tolist() == [[3, 4, 5], [6, 7, 8]]
    assert bias_2.tolist() == [9]
    assert weight_2.tolist() == [[10], [11], [12]]


def test_the_1_2_1_layout_is_the_lectures_theta() -> None:
    names = [Layout((1, 2, 1)).name(index) for index in range(7)]
    assert names == [
        (1, "bias", None, 0),
        (1, "bias", None, 1),
        (1, "weight", 0, 0),
        (1, "weight", 0, 1),
        (2, "bias", None, 0),
        (2, "weight", 0, 0),
        (2, "weight", 1, 0),
    ]


@given(WIDTHS)
def test_every_index_is_named_once_and_names_the_place_that_split_shows(widths: tuple[int, ...]) -> None:
    layout = Layout(widths)
    assert layout.n_layers == len(widths) - 1
    assert layout.n_params == sum((i + 1) * o for i, o in pairwise(widths))
    layers = layout.split(np.arange(float(layout.n_params)))
    for index in range(layout.n_params):
        layer, kind, row, column = layout.name(index)
        weight, bias = layers[layer - 1]
        assert (bias[column] if kind == "bias" else weight[row, column]) == index


@given(WIDTHS, st.lists(st.integers(1, 3), max_size=2))
def test_join_inverts_split_over_leading_axes(widths: tuple[int, ...], lead: list[int]) -> None:
    layout = Layout(widths)
    theta = np.random.default_rng(0).normal(size=(*lead, layout.n_params))
    np.testing.assert_array_equal(layout.join(layout.split(theta)), theta)


def test_split_gives_views() -> None:
    layout, theta = Layout((2, 2)), np.zeros((4, 6))
    ((weight, bias),) = layout.split(theta)
    weight += 1.0
    bias += 2.0
    assert theta[3].tolist() == [2, 2, 1, 1, 1, 1]


def test_a_block_is_the_bias_row_above_the_weight() -> None:
    layout, theta = Layout((2, 3)), np.arange(9.0)
    (block,) = layout.blocks(theta)
    x = np.array([0.5, -1.0])
    ((weight, bias),) = layout.split(theta)
    np.testing.assert_array_equal(np.array([1.0, *x]) @ block, x @ weight + bias)
    assert np.shares_memory(block, theta)


def test_equal_layouts_are_equal_and_hash_alike() -> None:
    assert Layout((1, 2, 1)) == Layout([1, np.int64(2), 1])  # type: ignore[arg-type]
    assert len({Layout((1, 2, 1)), Layout((1, 2, 1)), Layout((1, 3, 1))}) == 2


@pytest.mark.parametrize("widths", [(), (3,), (3, 0, 1), (3, -1), (2.0, 1), (1, 2.5), ("1", 2)])
def test_impossible_widths_are_refused(widths: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="widths must be two or more positive whole numbers, input first; got"):
        Layout(widths)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(6,), (8,), (7, 1), ()])
def test_split_refuses_another_last_axis(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must hold the 7 parameters of widths \(1, 2, 1\); got shape"):
        Layout((1, 2, 1)).split(np.zeros(shape))


def test_join_refuses_transposed_weights_and_missing_layers() -> None:
    layout = Layout((2, 3, 1))
    (weight, bias), last = layout.split(np.zeros(13))
    with pytest.raises(ValueError, match=r"expected weight \(2, 3\) and bias \(3,\); got \(3, 2\) and \(3,\)"):
        layout.join([(weight.T, bias), last])
    with pytest.raises(ValueError, match=r"expected 2 pairs of \(weight, bias\); got 1"):
        layout.join([(weight, bias)])


@pytest.mark.parametrize("index", [-1, 7])
def test_name_refuses_an_index_outside_theta(index: int) -> None:
    with pytest.raises(ValueError, match=f"theta index must be between 0 and 6; got {index}"):
        Layout((1, 2, 1)).name(index)
