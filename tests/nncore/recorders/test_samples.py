"""Statistics of many samples at once are those of each one alone."""

import numpy as np
import pytest

from nncore.recorders.columns import FIRST_OCTAVE, LAST_OCTAVE, OCTAVES
from nncore.recorders.samples import (
    SLOPES,
    SPREAD,
    mended_norms,
    octave_counts,
    quantiles,
    saturated,
    table,
    with_ends,
    zero_share,
)


def samples() -> np.ndarray:
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=n) * 10.0 ** rng.integers(-20, 4) for n in (1, 2, 7, 100, 64)]
    rows[3][::5] = 0
    rows[4][3], rows[4][4] = np.inf, -np.inf
    return table([*rows, np.empty(0)])


def test_quantiles_are_numpys_of_the_finite_entries() -> None:
    found, at = quantiles(samples(), (0.0, 0.02, 0.5, 0.98, 1.0)), (0, 2, 50, 98, 100)
    for row, values in zip(samples(), found, strict=True):
        finite = row[np.isfinite(row)]
        expected = np.percentile(finite, at) if len(finite) else np.full(5, np.nan)
        np.testing.assert_allclose(values, expected, rtol=1e-12)


def test_the_ends_of_spread_quantiles_are_of_all_entries() -> None:
    found = with_ends(quantiles(np.array([[1.0, 2.0, 3.0]]), SPREAD), np.array([-5.0]), np.array([9.0]))
    assert found.dtype == np.float32 and found[0, [0, 16, -1]].tolist() == [-5, 2, 9]


@pytest.mark.parametrize("value", [1.0, 0.5, -3.0, 2.0**-100, -(2.0**12), 1e-30, 5e-324, 1e300])
def test_a_value_is_counted_in_its_octave_or_at_the_end_behind_which_it_lies(value: float) -> None:
    (place,) = np.flatnonzero(octave_counts(np.array([[value, 0.0, np.nan, np.inf]]))[0])
    octave = np.clip(np.floor(np.log2(abs(value))), FIRST_OCTAVE, LAST_OCTAVE)
    assert OCTAVES[place] == octave


def test_octave_counts_of_many_rows_are_those_of_each() -> None:
    together = octave_counts(samples())
    for row, counts in zip(samples(), together, strict=True):
        np.testing.assert_array_equal(octave_counts(row[None])[0], counts)
        assert counts.sum() == (np.isfinite(row) & (row != 0)).sum()


def test_zero_share_leaves_out_what_is_not_finite() -> None:
    found = zero_share(samples())
    assert found[3] == 0.2 and found[4] == 0 and np.isnan(found[5])


@pytest.mark.parametrize("size", [1e-30, 1e-20, 1.0, 1e20, 1e30])
def test_a_norm_that_float32_lost_is_mended_from_its_sample(size: float) -> None:
    values = np.random.default_rng(1).normal(size=500) * size
    with np.errstate(all="ignore"):
        lost = np.float64(np.sqrt(np.square(values.astype(np.float32)).sum()))
    found = mended_norms(np.array([lost]), values[None], np.array([500.0]), ["float32"])
    np.testing.assert_allclose(found, np.linalg.norm(values), rtol=1e-5)


def test_norms_that_are_what_they_are_stay() -> None:
    values = np.array([[1.0, 2.0], [0.0, 0.0], [np.inf, 1.0], [1.0, 2.0], [np.nan, 1.0]])
    norms = np.array([2.5, 0.0, np.inf, np.inf, np.nan])  # the fourth has an infinite entry outside of its sample
    found = mended_norms(norms, values, np.full(5, 10.0), ["float32"] * 5)
    np.testing.assert_array_equal(found, norms)


@pytest.mark.parametrize(
    ("kind", "phi", "slope"),
    [
        ("sigmoid", lambda z: 1 / (1 + np.exp(-z)), lambda z: 4 * np.exp(-z) / (1 + np.exp(-z)) ** 2),
        ("tanh", np.tanh, lambda z: 1 / np.cosh(z) ** 2),
        ("softsign", lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2),
        ("hard_tanh", lambda z: np.clip(z, -1, 1), lambda z: np.abs(z) < 1),
        ("hard_sigmoid", lambda z: np.clip(z / 6 + 0.5, 0, 1), lambda z: np.abs(z) < 3),
    ],
)
def test_saturation_is_seen_from_the_output(kind: str, phi: object, slope: object) -> None:
    z = np.linspace(-15, 15, 1000)
    found = saturated(kind, phi(z)[None])  # type: ignore[operator]
    assert found == (slope(z) < 0.01).mean()  # type: ignore[operator]
    assert kind in SLOPES and np.isnan(saturated(kind, np.full((1, 3), np.nan)))


def test_samples_without_anything_have_no_numbers() -> None:
    empty = table([np.empty(0), np.empty(0)])
    assert np.isnan(quantiles(empty, (0.5,))).all() and np.isnan(zero_share(empty)).all()
    assert not octave_counts(empty).any()
