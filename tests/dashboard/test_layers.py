"""The dashboard's floors: imports go one way, no page needs another, and words and charts never load Streamlit."""

import graphlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.import_graph import imports

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dashboard"

FLOORS = (
    {"controls"},
    {"plot", "jobs", "words"},
    {"charts", "network"},
    {"state.lessons", "state.session"},
    {"ui"},
    {"state"},
    {"playback"},
    {"views"},
    {"site"},
    {"views.lab.lesson_maker"},
    {"views.lab.page"},
    {"app", "notebook"},
    {"served"},
)
"""Imports go from later floors to earlier ones, or stay on their own. A module that is named stands apart from its room."""


def name_of(path: Path) -> str:
    """A file's module: dashboard.charts.style, or the package for its __init__."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(FOLDER.rglob("*.py")) if path != FOLDER / "__init__.py"}


def edges(name: str) -> set[str]:
    """The dashboard's modules that a module imports; a package only where nothing below it is meant."""
    found = imports(MODULES[name]) & MODULES.keys()
    return {module for module in found if not any(each.startswith(f"{module}.") for each in found)}


GRAPH = {name: edges(name) for name in MODULES}


def floor(name: str) -> int:
    module = name.removeprefix("dashboard.")
    room = module if any(module in rooms for rooms in FLOORS) else module.split(".")[0]
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def page(name: str) -> str:
    """The page whose folder a module is in; "" for what several pages share."""
    parts = name.split(".")
    return parts[2] if parts[1] == "views" and len(parts) > 3 else ""


def is_pure(name: str) -> bool:
    """Is the module one of words, charts, a page's charts, or what a notebook asks for?"""
    parts = name.split(".")
    return parts[1:2] in (["words"], ["charts"], ["notebook"]) or (bool(page(name)) and parts[-1].startswith("charts"))


PURE = sorted(filter(is_pure, MODULES))


def reached(name: str) -> set[str]:
    """All modules that are loaded with one, itself and the packages above them included."""
    found, ahead = set(), [name]
    while ahead:
        module = ahead.pop()
        if module in GRAPH and module not in found:
            found.add(module)
            ahead += [*GRAPH[module], module.rpartition(".")[0]]
    return found


def test_every_module_has_its_floor() -> None:
    named = {room for rooms in FLOORS for room in rooms if "." in room}
    assert {f"dashboard.{module}" for module in named} <= MODULES.keys()
    assert {name.split(".")[1] for name in MODULES} == set().union(*FLOORS) - named


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_one_way(name: str) -> None:
    assert not {imported for imported in GRAPH[name] if floor(imported) > floor(name)}


@pytest.mark.parametrize("name", sorted(name for name in MODULES if page(name)))
def test_a_page_imports_no_other_page(name: str) -> None:
    assert {page(imported) for imported in GRAPH[name]} <= {"", page(name)}


def test_no_module_imports_itself_in_a_circle() -> None:
    graphlib.TopologicalSorter(GRAPH).prepare()


@pytest.mark.parametrize("name", PURE)
def test_words_and_charts_import_no_streamlit(name: str) -> None:
    assert not {module for module in reached(name) for each in imports(MODULES[module]) if "streamlit" in each}


def test_words_and_charts_load_where_streamlit_cannot() -> None:
    code = f"import sys, importlib\nsys.modules['streamlit'] = None\nfor name in {PURE}: importlib.import_module(name)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
