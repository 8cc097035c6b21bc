"""Palettes that can be read, axes with whole decades and whole layers, magnitudes in words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from dashboard.charts.axes import all_steps, layer_axis, log_axis, log_ticks, step_axis
from dashboard.charts.style import DARK, DIVERGING, LIGHT, Style, fade, merge, parted
from dashboard.words.numbers import number, percent
from nncore.diagnosis import PARTS

STYLES = pytest.mark.parametrize("style", [LIGHT, DARK], ids=["light", "dark"])


def luminance(colour: str) -> float:
    """WCAG 2 relative luminance of #rrggbb."""
    channels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_wcag_does() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@STYLES
@pytest.mark.parametrize("quantity", ["delta", "weight", "activation", "theory", "primary", "ink"])
def test_lines_stand_out_from_the_background(style: Style, quantity: str) -> None:
    least = 7.4 if style.dark else 4.3
    assert round(contrast(getattr(style, quantity), style.background), 1) >= least


@STYLES
def test_parts_of_the_ledger_differ_and_stand_out(style: Style) -> None:
    assert set(style.parts) == set(PARTS)
    assert len(set(style.parts.values())) == len(PARTS)
    least = min(contrast(colour, style.background) for colour in style.parts.values())
    assert round(least, 1) >= (7.4 if style.dark else 4.3)


@STYLES
def test_text_stands_out_from_both_backgrounds(style: Style) -> None:
    for ground in (style.background, style.raised):
        assert contrast(style.ink, ground) >= 12
        assert contrast(style.muted, ground) >= 4.5
    assert contrast(style.muted, style.background) >= 5.2


@STYLES
def test_classes_differ_and_stand_out(style: Style) -> None:
    colours = style.classes(8)
    assert len(set(colours)) == 8
    least = min(contrast(colour, style.background) for colour in colours)
    assert round(least, 1) >= (7.4 if style.dark else 4.3)
    assert len(style.classes(10)) == 10


@STYLES
@pytest.mark.parametrize("n_layers", [1, 2, 7, 51, 201])
def test_layers_grow_brighter_from_input_to_output(style: Style, n_layers: int) -> None:
    colours = style.layers(n_layers)
    assert len(colours) == n_layers
    assert all(len(colour) == 7 for colour in colours)
    brightness = [luminance(colour) for colour in colours]
    assert np.diff(brightness, prepend=0).min() > -1e-3  # to the rounding of 256 levels
    assert min(contrast(colour, style.background) for colour in colours) >= 3
    assert len(set(colours)) >= min(n_layers, 150)


@pytest.mark.parametrize("limit", [3.0, 12.0], ids=["parted", "pale only"])
def test_scales_with_two_ends_are_brightest_in_their_middle(limit: float) -> None:
    for scale in (DIVERGING, parted(12.0, limit)):
        places = [place for place, _ in scale]
        brightness = [luminance(colour) for _, colour in scale]
        assert places == sorted(places)
        middle = places.index(0.5)
        assert brightness[: middle + 1] == sorted(brightness[: middle + 1])
        assert brightness[middle:] == sorted(brightness[middle:], reverse=True)


def test_fade_keeps_the_colour() -> None:
    assert fade("#1971C2", 0.35) == "rgba(25,113,194,0.35)"


def test_merge_is_deep_and_leaves_its_arguments_alone() -> None:
    base = {"a": {"x": 1, "y": 2}, "b": 1}
    assert merge(base, {"a": {"y": 3}, "c": {"z": 1}}) == {"a": {"x": 1, "y": 3}, "b": 1, "c": {"z": 1}}
    assert base == {"a": {"x": 1, "y": 2}, "b": 1}


@given(some.lists(some.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30))
def test_log_ticks_are_whole_decades_around_all_values(values: list[float]) -> None:
    axis = log_ticks(np.array(values))
    low, high = axis["range"]
    assert axis["dtick"] == int(axis["dtick"]) >= 1
    assert np.isfinite([low, high]).all()
    assert low < high
    ticks = np.arange(np.ceil(low / axis["dtick"]), np.floor(high / axis["dtick"]) + 1) * axis["dtick"]
    assert 1 <= len(ticks) <= 12
    positive = [value for value in values if np.isfinite(value) and value > 0]
    assert all(low <= np.log10(value) <= high for value in positive)


def test_log_axis_has_one_tick_a_decade_written_as_a_power() -> None:
    axis = log_axis("norm", range=[-3, 0])
    assert (axis["type"], axis["dtick"], axis["exponentformat"]) == ("log", 1, "power")


@pytest.mark.parametrize("n_layers", [*range(1, 52), 201])
def test_layer_ticks_are_whole_layers_inside_the_range(n_layers: int) -> None:
    axis = layer_axis(n_layers)
    ticks = axis["tickvals"]
    assert ticks.dtype.kind == "i"
    assert ticks[0] == 1
    assert ticks[-1] <= n_layers
    assert 1 <= len(ticks) <= 16
    assert axis["ticktext"] == [str(tick) for tick in ticks]
    assert axis["range"] == [0.5, n_layers + 0.5]


def test_few_steps_are_ticked_one_by_one() -> None:
    assert step_axis(np.arange(4))["dtick"] == 1
    assert "dtick" not in step_axis(np.arange(401))


def test_axis_of_all_steps_has_room_for_a_line_at_either_end_and_for_whole_cells() -> None:
    assert all_steps(np.array([0, 100, 250])) == {"range": [-1.0, 251.0]}
    assert all_steps(np.array([0, 100, 250]), cells=True) == {"range": [-51.0, 326.0]}
    assert all_steps(np.array([7])) == {}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "exactly 0"),
        (-0.0, "exactly 0"),
        (np.nan, "undefined"),
        (np.inf, "∞"),
        (-np.inf, "−∞"),
        (3.21e-9, "3.2 · 10⁻⁹"),
        (5e-324, "4.9 · 10⁻³²⁴"),
        (0.002, "0.002"),
        (0.5, "0.5"),
        (12.53, "12.5"),
        (9999.0, "1 · 10⁴"),
        (123456.0, "1.2 · 10⁵"),
        (-0.25, "−0.25"),
    ],
)
def test_magnitudes_are_never_rounded_to_zero(value: float, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (0.24, "24 %"),
        (0.0031, "0.31 %"),
        (1.11, "111 %"),
        (4e-7, "4.0 · 10⁻⁵ %"),
        (np.nan, "undefined"),
        (np.inf, "undefined"),
        (1.0, "100 %"),
    ],
)
def test_shares_keep_the_digits_that_say_something(share: float, words: str) -> None:
    assert percent(share).replace("\u00a0", " ") == words


@given(some.floats())
def test_no_number_reads_nan(value: float) -> None:
    assert "nan" not in number(value) + percent(value)
