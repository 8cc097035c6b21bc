"""A function of one's own, registered, works wherever a name does; a wrong one is refused with the place."""

import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore import Fork, History, RunConfig, measures, run, theory
from nncore.command import main
from nncore.config.fork import CHANGEABLE
from nncore.config.own import REGISTRIES, NotRegistered, run_file, unpack
from nncore.config.scripts import nncore_script
from nncore.config.without_effect import without_effect
from nncore.diagnosis import ledger, verdict
from nncore.seeds import SeedRuns, run_seeds
from nncore.sweep import Folder, Grid, Processes, config_of, results, table, write
from tests.nncore.own import NAMES, OWN, Huber, forgotten, laplace, lion, register_all, ring


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with forgotten():
        yield


def small(**settings: object) -> RunConfig:
    return RunConfig(**{"hidden": (4, 4), "steps": 5, "n_samples": 40, "learning_rate": 0.01, **settings})


@pytest.mark.parametrize("setting", OWN)
def test_config_history_ledger_verdict_theory_and_files_know_it(setting: str) -> None:
    REGISTRIES[setting].register(OWN[setting])
    config = small(**{setting: NAMES[setting]})
    assert RunConfig.from_dict(config.to_dict()) == config
    history = run(config)
    assert history.loss[-1] != history.loss[0] and np.isfinite(history.loss).all()
    assert np.isfinite(measures.per_layer(history, "delta_norm")["delta_norm"]).all()
    assert ledger(history, 0).values and verdict(history, len(history) - 1) is not None
    assert theory.predict_config(config).q.all()
    file = io.BytesIO()
    history.to_parquet(file)
    file.seek(0)
    assert History.from_parquet(file).theta.tobytes() == history.theta.tobytes()


@pytest.mark.parametrize("setting", OWN)
def test_command_and_menu_offer_it(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    REGISTRIES[setting].register(OWN[setting])
    assert main(["run", f"--{setting}", NAMES[setting], "--hidden", "3", "--steps", "20"]) in (0, 1)
    assert "at step 20" in capsys.readouterr().out
    field = next(field for field in RunConfig.fields() if field.name == setting)
    assert NAMES[setting] in field.metadata["choices"] and field.default in field.metadata["choices"]


@pytest.mark.parametrize("setting", OWN)
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_file_that_needs_it_says_so(setting: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"run.{ending}"
    REGISTRIES[setting].register(OWN[setting])
    history = run(small(**{setting: NAMES[setting]}))
    (history.to_parquet if ending == "parquet" else history.to_csv)(path)
    del REGISTRIES[setting][NAMES[setting]]
    kind = REGISTRIES[setting].kind
    with pytest.raises(NotRegistered, match=f"^its run needs the {kind} '{NAMES[setting]}', .*register") as caught:
        (History.from_parquet if ending == "parquet" else History.from_csv)(path)
    public = next(name for name in nncore.__all__ if getattr(nncore, name) is REGISTRIES[setting])
    assert f"nncore.{public}.register" in str(caught.value)


def test_an_own_activation_of_the_output_layer_works_and_is_missed_in_a_file(tmp_path: Path) -> None:
    nncore.ACTIVATIONS.register(OWN["activation"])
    history = run(small(dataset="parabola", output="sine"))
    nncore.check_gradient(
        history.network, history.config.loss_function(), history.theta[0], history.probe_x, history.probe_y
    )
    history.to_csv(tmp_path / "run.csv")
    del nncore.ACTIVATIONS["sine"]
    with pytest.raises(NotRegistered, match=r"^its run needs the activation 'sine', .*nncore\.ACTIVATIONS\.register"):
        History.from_csv(tmp_path / "run.csv")


@pytest.mark.parametrize("setting", OWN)
def test_it_is_an_axis_of_a_sweep_a_seed_study_and_a_forks_change_or_start(setting: str, tmp_path: Path) -> None:
    REGISTRIES[setting].register(OWN[setting])
    usual, own = small(dataset="moons" if setting == "dataset" else "parabola"), NAMES[setting]
    for _ in write(tmp_path / "sweep", Grid(usual, {setting: [getattr(usual, setting), own]}), workers=1):
        pass
    rows = table(tmp_path / "sweep").to_pylist()
    assert [row["ending"] for row in rows] == ["finished"] * 2
    assert [config_of(row) for row in rows] == [usual, usual.replace(**{setting: own})]
    history = run(usual.replace(**{setting: own}))
    found = run_seeds(SeedRuns(history.config, 2))
    np.testing.assert_array_equal(
        found.layers["delta_norm"][0], measures.per_layer(history, "delta_norm")["delta_norm"]
    )
    fork = run(Fork(usual, at=2, **{setting: own}) if setting in CHANGEABLE else Fork(history.config, at=2))
    assert np.isfinite(fork.loss).all() and getattr(fork.config, setting) == own
    assert own in repr(history.config) and own in history._repr_html_()
    program = nncore_script(history.config)
    assert f'{setting}="{own}"' in program
    assert f"# Register here what nncore does not bring along: the {REGISTRIES[setting].kind} '{own}'.\n" in program
    exec(compile(program.replace('"run.parquet"', repr(str(tmp_path / "run.parquet"))), "again.py", "exec"), {})
    assert History.from_parquet(tmp_path / "run.parquet").theta.tobytes() == history.theta.tobytes()


def test_a_damaged_name_is_still_a_damaged_file(tmp_path: Path) -> None:
    run(small(steps=1)).to_csv(tmp_path / "run.csv")
    text = (tmp_path / "run.csv").read_text().replace('""tanh""', '""ta nh""')
    (tmp_path / "run.csv").write_text(text)
    with pytest.raises(ValueError, match="this is not a history in CSV"):
        History.from_csv(tmp_path / "run.csv")


def test_a_misspelt_name_is_told_its_nearest(tmp_path: Path) -> None:
    run(small(activation="relu", steps=1)).to_csv(tmp_path / "run.csv")
    (tmp_path / "run.csv").write_text((tmp_path / "run.csv").read_text().replace('""relu""', '""rleu""'))
    with pytest.raises(NotRegistered, match=r"needs the activation 'rleu', .* \(did you mean 'relu'\?\)"):
        History.from_csv(tmp_path / "run.csv")


def test_a_sweep_takes_them_along_to_its_worker_processes(tmp_path: Path) -> None:
    register_all()
    grid = Grid(small(**NAMES), {"activation": ("sine", "tanh")}, seeds=range(2))
    with Processes(1) as pool:
        rows = {run: row for result in results(grid, executor=pool, workers=1) for run, row in result.rows.items()}
    here = {run: row for result in results(grid, workers=1) for run, row in result.rows.items()}
    assert len(rows) == 4 and {row["ending"] for row in rows.values()} == {"finished"}
    assert {run: row["loss_last"] for run, row in rows.items()} == {run: row["loss_last"] for run, row in here.items()}


def test_the_folder_of_a_sweep_that_needs_them_says_so(tmp_path: Path) -> None:
    with forgotten():
        register_all()
        for _ in write(tmp_path / "sweep", Grid(small(**NAMES), {}, seeds=range(2)), workers=1):
            pass
        assert len(table(tmp_path / "sweep")) == 2
    with pytest.raises(NotRegistered, match="its run needs the"):
        Folder.open(tmp_path / "sweep")


FILE = """
import numpy as np
import nncore

nncore.ACTIVATIONS.register(nncore.Activation(name="wave", phi=np.sin, dphi=np.cos))
"""


def test_the_command_line_reads_them_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    run_it = [sys.executable, "-m", "nncore", "run", "--activation", "wave", "--hidden", "3", "--steps", "2", "--own"]
    done = subprocess.run([*run_it, str(tmp_path / "mine.py")], capture_output=True, text=True)
    assert done.returncode == 0 and "at step 2" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "text, message",
    [
        (None, "mine.py is not there as a file: a Python file that registers functions of your own"),
        ("1 / 0", "mine.py does not register your own functions: ZeroDivisionError: division by zero"),
        ("def", "mine.py does not register your own functions: SyntaxError: invalid syntax"),
    ],
    ids=["missing", "breaks", "syntax"],
)
def test_a_file_that_does_not_register_them_is_refused_in_a_sentence(
    text: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ValueError, match=message):
        run_file(tmp_path / "mine.py")
    assert main(["run", "--own", str(tmp_path / "mine.py")]) == 2
    assert message in capsys.readouterr().err


def test_the_environment_names_the_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    monkeypatch.setenv("NNCORE_OWN", str(tmp_path / "mine.py"))
    assert main(["run", "--activation", "wave", "--hidden", "3", "--steps", "2"]) == 0


def test_what_a_worker_cannot_load_is_said_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"a worker cannot load your own functions \(No module named 'no_module'\)"):
        unpack(b"cno_module\nname\n.")


def test_an_argument_called_like_a_setting_takes_its_value() -> None:
    nncore.OPTIMIZERS.register(lion)
    slow, fast = (run(small(optimizer="lion", beta_1=beta)) for beta in (0.9, 0.0))
    assert slow.theta[-1].tobytes() != fast.theta[-1].tobytes()
    idle = without_effect(small(optimizer="lion", beta_1=0.5, momentum=0.5))
    assert "momentum" in idle and "beta_1" not in idle


def test_a_constant_answer_is_as_good_as_a_search_finds() -> None:
    nncore.LOSSES.register(Huber())
    config = small(dataset="diabetes", loss="huber")
    y = config.targets(config.data().y_train)
    answers = np.linspace(y.min(), y.max(), 2001)
    best = min(float(Huber().value(np.full_like(y, answer), y)) for answer in answers)
    assert measures.constant_loss(config) == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("loss", nncore.LOSSES)
def test_the_search_for_a_constant_answer_agrees_with_the_closed_forms(loss: str) -> None:
    config = RunConfig(dataset="blobs", loss=loss)
    y = config.targets(config.data().y_train)
    assert nncore.Loss.constant(nncore.LOSSES[loss], y) == pytest.approx(nncore.LOSSES[loss].constant(y), rel=1e-5)


# What is refused ------------------------------------------------------------------------------------------------


class Named(Huber):
    name = "own"


class WrongDelta(Named):
    def value_and_delta(self, z_out, y, out=None):
        value, delta = super().value_and_delta(z_out, y, out)
        delta *= np.where(z_out > 1, 2, 1)
        return value, delta


class WrongMean(Named):
    def per_sample(self, z_out, y):
        return np.square(z_out - y).sum(axis=-1)

    def value_and_delta(self, z_out, y, out=None):
        return Huber().value_and_delta(z_out, y, out)


class OneNumber(Named):
    def value_and_delta(self, z_out, y, out=None):
        value, delta = super().value_and_delta(z_out, y, out)
        return value.mean(), delta


class NotOut(Named):
    def value_and_delta(self, z_out, y, out=None):
        return super().value_and_delta(z_out, y)


def optimizer(update, **more):
    def own(learning_rate=0.01):
        return nncore.Optimizer("own", learning_rate, lambda theta: {}, update)

    own.__name__ = more.get("name", "own")
    return own


def whole_norm(theta, grad, state, rate, out):
    np.subtract(theta, rate * grad / np.linalg.norm(grad), out=out)


def in_place(theta, grad, state, rate, out):
    theta -= rate * grad
    out[...] = theta


def up(theta, grad, state, rate, out):
    np.add(theta, rate * grad, out=out)


def nothing_written(theta, grad, state, rate, out):
    return theta - rate * grad


def needs_more(learning_rate, rho):
    return optimizer(up)()


def made_of(draw=laplace, std=lambda fan_in, fan_out, scale: fan_in**-0.5, name="own"):
    return nncore.Initializer(name, draw, std)


def global_ring(rng, n_samples, noise, n_classes):
    return ring(np.random.default_rng(), n_samples, noise, n_classes)


def strings(rng, n_samples, noise, n_classes):
    return rng.normal(size=(n_samples, 2)), np.where(rng.random(n_samples) > 0.5, "a", "b")


REFUSED = [
    ("loss", WrongDelta(), "the delta of own is wrong at z = 1."),
    ("loss", WrongMean(), "the value of own must be the mean of per_sample"),
    ("loss", OneNumber(), r"the value of own must have shape (2,) for z (2, 5, 1), one for each run; got ()"),
    ("loss", NotOut(), "the delta of own must be written into out where it is given"),
    ("loss", Huber, "loss must be an instance of a class that subclasses nncore.Loss; got <class"),
    ("optimizer", optimizer(up), "own climbs: its first step adds"),
    ("optimizer", optimizer(in_place), "own must leave theta and gradient as they are"),
    ("optimizer", optimizer(nothing_written), "own must write a finite theta into all of out; got nan"),
    ("optimizer", optimizer(whole_norm), "own must move each run by its own numbers alone"),
    ("optimizer", optimizer(up, name="<lambda>"), "the name of an optimizer must be a letter"),
    (
        "optimizer",
        needs_more,
        "needs_more must take learning_rate, and have defaults for what else it takes; got needs",
    ),
    ("optimizer", nncore.sgd(0.1), "optimizer must be a function of learning_rate that makes an Optimizer"),
    (
        "init",
        made_of(std=lambda i, o, s: 1 / i),
        "textbook_std of own is wrong at fan_in = 200, fan_out = 300: it says 0.005",
    ),
    ("init", made_of(lambda rng, i, o, s: np.ones(i)), "draw of own must give weights of shape (200, 300); got (200,)"),
    (
        "init",
        made_of(lambda rng, i, o, s: np.random.default_rng().normal(size=(i, o)) / i**0.5),
        "draw of own must take everything random from rng",
    ),
    ("init", made_of(name="he_normal"), "he_normal names another initializer already"),
    ("dataset", replace(OWN["dataset"], name="table"), "table is the data set of one's own rows: choose another name"),
    ("dataset", replace(OWN["dataset"], name="moons"), "moons names another data set already"),
    ("dataset", replace(OWN["dataset"], task="regression"), "y of ring must have shape (n, 1), values, for 40 rows"),
    ("dataset", replace(OWN["dataset"], task="clustering"), "task of ring must be one of regression, classification"),
    ("dataset", replace(OWN["dataset"], make=strings), "y of ring must be class indices from 0 to 1"),
    ("dataset", replace(OWN["dataset"], make=global_ring), "make of ring must take everything random from rng"),
    ("dataset", replace(OWN["dataset"], feature_names=("x1",)), "x of ring must have shape (40, 1), a column for each"),
]


@pytest.mark.parametrize("setting, entry, message", REFUSED, ids=[message[:40] for _, _, message in REFUSED])
def test_a_wrong_one_is_refused_with_the_place(setting: str, entry: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        REGISTRIES[setting].register(entry)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value) and not REGISTRIES[setting].own


@pytest.mark.parametrize("setting", OWN)
def test_the_same_one_may_be_registered_again(setting: str) -> None:
    registry = REGISTRIES[setting]
    assert registry.register(OWN[setting]) is registry.register(OWN[setting])
    assert list(registry.own) == [NAMES[setting]]


@pytest.mark.parametrize(
    "setting, name",
    [
        (setting, name)
        for setting in ("loss", "init", "optimizer", "dataset")
        for name in REGISTRIES[setting]
        if name != "lsuv"  # it draws no matrix by itself
    ],
)
def test_each_of_nncores_own_passes_the_check(setting: str, name: str) -> None:
    REGISTRIES[setting].register(REGISTRIES[setting][name])
    assert not REGISTRIES[setting].own
