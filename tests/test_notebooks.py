"""The notebooks of docs/ run; the one with PyTorch in tests/torch."""

from collections.abc import Iterator

import pytest

from tests.nncore.own import forgotten
from tests.notebooks import FOLDER, run_notebook


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with forgotten():
        yield


@pytest.mark.parametrize("name", ["student.ipynb", "researcher.ipynb"])
def test_a_notebook_runs_from_top_to_bottom(name: str) -> None:
    run_notebook(name)


def test_every_notebook_is_run_somewhere() -> None:
    assert {path.name for path in FOLDER.glob("*.ipynb")} == {"student.ipynb", "researcher.ipynb", "practitioner.ipynb"}
