"""docs/recording.md says what is recorded, and its reading example runs."""

import re
from pathlib import Path

import pytest

import nncore
from nncore.recorders import DISTRIBUTIONS, RECORDED_QUANTITIES
from nncore.recorders.columns import OCTAVES
from nncore.recorders.example import example

TEXT = (Path(nncore.__file__).parents[1] / "docs" / "recording.md").read_text(encoding="utf-8")


def test_every_quantity_is_explained_as_in_the_code() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", TEXT, re.M))
    assert {name: rows.get(name) for name in RECORDED_QUANTITIES} == {
        name: quantity.about for name, quantity in RECORDED_QUANTITIES.items()
    }
    assert all(f"`{name}`" in TEXT for name in DISTRIBUTIONS) and f"(n_modules, {len(OCTAVES)})" in TEXT


def test_the_reading_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example("run.arrows", n_blocks=3)
    exec(re.findall(r"```python\n(.*?)```", TEXT, re.S)[1], {})
    assert (tmp_path / "run.csv").read_text(encoding="utf-8").startswith("step,layer,quantity,value\n")
