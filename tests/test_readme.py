"""What the README shows is what happens."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import nncore

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_prints_what_stands_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = re.findall(r"```(?:python)?\n(.*?)```", README[README.index("```python") :], flags=re.DOTALL)[:2]
    monkeypatch.chdir(tmp_path)
    with redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    assert printed.getvalue() == output
    assert (tmp_path / "run.parquet").stat().st_size > 0


def test_every_choice_is_listed() -> None:
    for registry in (nncore.ACTIVATIONS, nncore.DATASETS, nncore.OPTIMIZERS, nncore.LOSSES):
        for name in registry:
            assert re.search(rf"\b{name}\b", README), name


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
