"""Several records at once have the bits of each by itself."""

import numpy as np
import pytest

from nncore import Measurement, RunConfig, measures, run


def assert_identical(one: Measurement, other: Measurement) -> None:
    """The same bits under the same names."""
    assert (one.name, one.caveats) == (other.name, other.caveats)
    for part in ("axes", "values"):
        mine, theirs = getattr(one, part), getattr(other, part)
        assert mine.keys() == theirs.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)
    for name, (axis, facts) in (one.columns or {}).items():
        assert other.columns is not None
        assert axis == other.columns[name][0]
        np.testing.assert_array_equal(facts, other.columns[name][1], err_msg=name)


@pytest.mark.parametrize("change", [{}, {"normalization": "batch"}, {"activation": "relu", "dtype": "float32"}])
def test_several_records_are_measured_bit_for_bit_as_each_of_them(
    change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    history = run(RunConfig(hidden=(5, 4), steps=9, n_samples=40).replace(**change))
    records, x = (0, 2, 3, 9), history.probe_x
    flows = measures.gradient_flows(history, records)
    seen = {quantity: measures.distributions(history, records, quantity) for quantity in measures.DISTRIBUTIONS}
    answers = measures.responses(history, records, x)
    for place, record in enumerate(records):
        assert_identical(flows[place], measures.gradient_flow(history, record))
        for quantity, found in seen.items():
            assert_identical(found[place], measures.distribution(history, record, quantity))
        np.testing.assert_array_equal(answers[place], measures.response(history, record, x))
    monkeypatch.setattr("nncore.history.history.BLOCK_BYTES", 1)
    np.testing.assert_array_equal(measures.responses(history, records, x), answers)
