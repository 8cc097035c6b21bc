"""Runs a notebook of docs/ cell by cell, as Jupyter does: what its cells assert holds, and no cell warns."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"


def run_notebook(name: str) -> dict[str, Any]:
    """The names that a notebook leaves behind; raises what a cell raises."""
    facts = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(facts["cells"]):
        assert not cell.get("outputs"), "a notebook is kept without its outputs"
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{name}, cell {number}", "exec"), names)
    return names
