"""docs/recording.md says what is recorded, and its reading example runs."""

import re
from pathlib import Path

import pytest

import nncore
from nncore.recorders import DISTRIBUTIONS, RECORDED_QUANTITIES, Recorded
from nncore.recorders.columns import OCTAVES
from nncore.recorders.example import example
from nncore.recorders.logs.tensorboard import LOSS, RATE, histogram_of, scalar_of

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
    exec(re.findall(r"```python\n(.*?)```", TEXT, re.S)[2], {})
    assert (tmp_path / "run.csv").read_text(encoding="utf-8").startswith("step,layer,quantity,value\n")


def test_the_table_of_the_documentation_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(re.findall(r"```csv\n(.*?)```", TEXT, re.S)[0], encoding="utf-8")
    recorded = Recorded.open(tmp_path / "mine.csv")
    assert [unit.name for unit in recorded.modules] == ["blocks.0.fc"]
    assert [unit.name for unit in recorded.parameters] == ["blocks.0.fc.weight"]


def test_the_tags_of_the_documentation_are_read_as_it_says() -> None:
    rows = re.findall(r"^\| (histogram|scalar) (.+) \| .+ \|$", TEXT, re.M)
    assert len(rows) == 6
    for kind, tags in rows:
        for tag in re.findall(r"`([^`]+)`", tags):
            read = histogram_of(tag) if kind == "histogram" else scalar_of(tag)
            assert all(read) or tag.lower() in LOSS or RATE.fullmatch(tag), tag
