"""The programs that reproduce a run: what they say, and that nncore's own gives the same bits."""

import ast

import numpy as np
import pytest

import nncore
from nncore import ACTIVATIONS, Fork, History, KillUnit, RunConfig, ScaleLayer, SetParameter, read_table, run
from nncore.config.scripts import config_source, nncore_script, torch_script
from nncore.data import table

SMALL = RunConfig(n_samples=20, hidden=(3, 3), steps=4)

CONFIGS = [
    RunConfig(),
    SMALL,
    SMALL.replace(hidden=(4,) * 5, activation="relu", alpha=None, gain=0.1 + 0.2),
    SMALL.replace(activation=("leaky_relu", "gelu"), alpha=0.2, clip_norm=1.0, l2=0.1, seed=2**32 - 1),
    SMALL.replace(hidden=(), steps=0),
    SMALL.replace(dataset="iris", hidden=(5,), batch_size=7, skip=True, normalization="batch", warmup_steps=3),
    SMALL.replace(features=("x1_squared", "sin_x2")),
    SMALL.replace(biases=("none", "fixed", "learned"), bias_std=0.5),
    SMALL.replace(dtype="float32", learning_rate=1e6, activation="linear"),
    Fork(SMALL, 2, learning_rate=0.5, activation=("relu", "tanh")),
    Fork(Fork(SMALL, 1, [SetParameter(1, None, 0, 0.1 + 0.2)], steps=6), 3, [KillUnit(1, 0), ScaleLayer(2, 0.5)]),
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_source_of_a_config_makes_that_config(config: RunConfig) -> None:
    assert eval(config_source(config), {"nncore": nncore}) == config


def test_source_of_a_config_names_what_differs_from_the_defaults_alone() -> None:
    assert config_source(SMALL).splitlines()[1:-1] == ["    n_samples=20,", "    hidden=(3, 3),", "    steps=4,"]


@pytest.mark.parametrize("config", CONFIGS[1:], ids=str)
def test_nncore_script_writes_the_same_history(config: RunConfig, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(nncore_script(config), "run.py", "exec"), {})
    again, history = History.from_parquet(tmp_path / "run.parquet"), run(config)
    assert again.config == config
    for name in ("step", "loss", "theta", "grad"):
        np.testing.assert_array_equal(getattr(again, name), getattr(history, name))
    printed = capsys.readouterr().out
    assert printed.count("layer ") >= history.layout.n_layers
    assert history.stopped in printed


@pytest.mark.parametrize("header", [None, False])
def test_scripts_of_a_run_on_a_table_ask_for_its_file(header: bool | None, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(table, "_SHELVES", [])
    rows = "".join(f"{n % 7}.5,{n}.25\n" for n in range(20))
    content = ("" if header is False else "a,b\n") + rows
    config = SMALL.replace(dataset="table", table=read_table(content.encode(), header).choose())
    history = run(config)
    (tmp_path / "table.csv").write_text(content)
    exec(compile(nncore_script(config), "run.py", "exec"), {})
    again = History.from_parquet(tmp_path / "run.parquet")
    assert again.config == config
    np.testing.assert_array_equal(again.theta, history.theta)
    assert 'read_table("table.csv"' in torch_script(config)
    ast.parse(torch_script(config))


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("settings", [{}, {"skip": True, "normalization": "layer"}], ids=str)
def test_torch_script_is_a_program_for_every_activation(name: str, settings: dict) -> None:
    tree = ast.parse(torch_script(SMALL.replace(activation=name, **settings)))
    assert any(isinstance(node, ast.ClassDef) and node.name == "Network" for node in tree.body)


def test_torch_script_of_a_fork_is_refused() -> None:
    with pytest.raises(ValueError, match="a fork goes on from nncore's own optimizer state"):
        torch_script(Fork(SMALL, 2))


def test_torch_script_says_only_what_the_run_needs() -> None:
    plain = torch_script(SMALL)
    assert not any(word in plain for word in ("clip_grad", "schedule", "batches", "l1", "norm(z", "phi_z"))
    assert max(map(len, plain.splitlines())) <= 110
