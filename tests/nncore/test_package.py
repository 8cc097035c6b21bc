"""What nncore promises as a package: its names, which way imports go, and what importing it does not load."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore.command import main
from tests.import_graph import imports

ROOT = Path(nncore.__file__).parent
HEAVY = (
    "streamlit",
    "plotly",
    "dask",
    "distributed",
    "torch",
    "keras",
    "jax",
    "transformers",
    "lightning",
    "sklearn",
    "scipy",
    "pandas",
    "pyarrow",
    "matplotlib",
)

ROOMS = (
    {"display"},
    {"numerics"},
    {"model"},
    {"data"},
    {"config"},
    {"history"},
    {"training"},
    {"measures"},
    {"recorders"},
    {"theory", "lecture"},
    {"seeds"},
    {"diagnosis"},
    {"clinic"},
    {"sweep"},
    {"experiments"},
    {"notebook"},
    {"command"},
)
"""Imports go from later rooms to earlier ones, without exception."""


def modules() -> dict[str, Path]:
    """Top-level module or subpackage -> its files."""
    return {str(path.relative_to(ROOT)): path for path in sorted(ROOT.rglob("*.py"))}


def room(name: str) -> int:
    return next(number for number, names in enumerate(ROOMS) if name in names)


@pytest.mark.parametrize("name", nncore.__all__)
def test_every_exported_name_exists(name: str) -> None:
    assert getattr(nncore, name) is not None


def test_the_promised_names_are_exported() -> None:
    promised = {
        *("RunConfig", "run", "train", "Layout", "MLP", "History", "check_gradient", "Measurement"),
        *("ACTIVATIONS", "INITIALIZERS", "LOSSES", "OPTIMIZERS", "DATASETS"),
        *("sgd", "rmsprop", "adagrad", "adam", "adamw"),
    }
    assert promised <= set(nncore.__all__)
    assert len(set(nncore.__all__)) == len(nncore.__all__)


def test_a_plain_import_offers_the_modules_of_the_readme() -> None:
    offered = "diagnosis", "measures", "seeds", "sweep", "theory"
    code = f"import nncore\nfor name in {offered!r}:\n    assert getattr(nncore, name).__name__ == f'nncore.{{name}}'"
    assert not loaded(code) & set(HEAVY)
    assert set(offered) <= set(dir(nncore))


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'nncore' has no attribute 'theorie'"):
        nncore.theorie  # type: ignore[attr-defined]  # noqa: B018


def test_dir_lists_what_is_public_and_no_inner_module() -> None:
    names = {name for name in dir(nncore) if not name.startswith("__")}
    assert names == {*nncore.__all__, "diagnosis", "measures", "seeds", "sweep", "theory"}


def test_the_version_is_a_number_and_the_command_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", nncore.__version__)
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"nncore {nncore.__version__}\n"


def test_a_loss_and_an_optimizer_are_of_public_classes() -> None:
    assert all(isinstance(loss, nncore.Loss) for loss in nncore.LOSSES.values())
    assert isinstance(nncore.sgd(0.1), nncore.Optimizer)


def test_the_example_of_the_design_runs() -> None:
    config = nncore.RunConfig(
        dataset="moons", hidden=(32,) * 10, activation="tanh", init="xavier_normal", steps=5, seed=0
    )
    history = nncore.run(config)
    assert history.step.shape == history.loss.shape == (6,)
    assert history.theta.shape == history.grad.shape == (6, history.layout.n_params)
    assert history.stopped == ""
    layout = nncore.Layout((1, 2, 1))
    assert layout.n_params == 7
    network, loss = nncore.MLP(layout, activation="sigmoid"), nncore.LOSSES["mse"]
    theta, x = np.linspace(-1, 1, 7), np.array([[0.0], [1.0]])
    y = x**2
    tape = network.forward(theta, x)
    grad, deltas = network.backward(theta, tape, loss.delta(tape.z[-1], y))
    assert grad.shape == (7,) and len(deltas) == 2
    steps = [
        step.index
        for step in nncore.train(network, loss, nncore.adam(learning_rate=0.01), theta, x, y, steps=3, batches=None)
    ]
    assert steps == [0, 1, 2, 3]


def test_every_module_has_its_room() -> None:
    names = {Path(name).parts[0].removesuffix(".py") for name in modules()} - {"__init__", "__main__"}
    assert names <= set().union(*ROOMS), names - set().union(*ROOMS)


@pytest.mark.parametrize("name", sorted(set(modules()) - {"__init__.py", "__main__.py"}))
def test_imports_go_one_way(name: str) -> None:
    here = Path(name).parts[0].removesuffix(".py")
    for imported in imports(ROOT / name):
        parts = imported.split(".")
        if parts[0] == "nncore" and len(parts) > 1 and parts[1] in set().union(*ROOMS):
            assert room(parts[1]) <= room(here), f"{here} imports {imported}"


@pytest.mark.parametrize("name", sorted(modules()))
def test_nothing_heavy_is_imported_at_the_top(name: str) -> None:
    heavy = {imported for imported in imports(ROOT / name, at_the_top=True) if imported.split(".")[0] in HEAVY}
    assert not heavy


@pytest.mark.parametrize("name", modules())
def test_every_module_and_what_it_offers_say_what_they_are_for(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    offered = [
        node
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and not node.name.startswith("_")
        and not any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list)
    ]
    assert ast.get_docstring(tree)
    assert not [node.name for node in offered if not ast.get_docstring(node)]


STANDARD_LIBRARY_LATER = {
    "pathlib",
    "difflib",
    "importlib.util",
    "zipfile",
    "csv",
    "json",
    "logging",
    "concurrent.futures",
}
"""What takes as long to import as a part of nncore, and what training does without."""


def loaded(code: str) -> set[str]:
    """Top-level modules that a fresh process has loaded after running the code."""
    return {name.split(".")[0] for name in loaded_modules(code)}


def loaded_modules(code: str) -> set[str]:
    """Modules that a fresh process has loaded after running the code, named in full, and what the code has printed."""
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent)}
    return set(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.split())


def test_importing_nncore_loads_nothing_heavy() -> None:
    assert not loaded("import nncore") & set(HEAVY)


def test_importing_nncore_leaves_files_tables_and_measures_to_those_who_ask() -> None:
    later = ["zipfile", "concurrent.futures", "nncore.measures", "nncore.history.csv", "nncore.history.parquet"]
    later += ["nncore.data.read_csv", "nncore.data.arrays", "nncore.model.gradcheck"]
    code = f"from nncore import run\nimport sys\nfound = [name for name in {later} if name in sys.modules]\nprint('found', *found)"
    assert loaded(code) >= {"found"} and not loaded(code) & set(later)


def test_every_public_name_is_loaded_by_the_first_who_asks() -> None:
    assert set(nncore.LATER) == set(nncore.__all__)
    assert {name for name in loaded_modules("import nncore") if name.startswith("nncore.")} == {
        "nncore.display",
        "nncore.display.interrupted_import",
        "nncore.numerics",
        "nncore.numerics.later",
    }


@pytest.mark.parametrize("name", [*nncore.MODULES, *nncore.PACKAGES])
def test_a_module_is_found_by_its_name_after_importing_nncore_alone(name: str) -> None:
    assert f"nncore.{name}" in loaded_modules(f"import nncore; nncore.{name}")


def test_who_trains_by_train_alone_loads_no_settings_and_no_files() -> None:
    found = loaded_modules("from nncore import LOSSES, MLP, Layout, sgd, train")
    rooms = {name.split(".")[1] for name in found if name.startswith("nncore.")}
    assert rooms == {"display", "model", "numerics", "training"}
    assert not found & STANDARD_LIBRARY_LATER - loaded_modules("import numpy")


def test_importing_run_leaves_the_standard_library_to_those_who_need_it() -> None:
    found = loaded_modules("from nncore import run, run_many")
    assert not found & STANDARD_LIBRARY_LATER - loaded_modules("import numpy")


def test_training_on_a_toy_loads_nothing_heavy() -> None:
    code = "import nncore; nncore.run(nncore.RunConfig(hidden=(3,), steps=2))"
    assert not loaded(code) & set(HEAVY)
