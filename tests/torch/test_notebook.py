"""The practitioner's notebook runs with the real PyTorch."""

from tests.notebooks import run_notebook


def test_the_practitioners_notebook_runs_from_top_to_bottom() -> None:
    names = run_notebook("practitioner.ipynb")
    assert names["after"].loss[-1] < names["before"].loss[-1]
