"""What the tests of the lecture's pages share."""

import io

import pandas as pd
import pytest

from dashboard.views.lecture.numbers_table import Numbers


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[str, pd.DataFrame]:
    """The tables of all numbers that a page makes, as their CSV holds them."""
    tables: dict[str, pd.DataFrame] = {}
    show = Numbers.show

    def record(numbers: Numbers, key: str) -> None:
        file = io.BytesIO()
        numbers.measurement().to_csv(file)
        tables[key] = pd.read_csv(io.BytesIO(file.getvalue()))
        show(numbers, key)

    monkeypatch.setattr(Numbers, "show", record)
    return tables
