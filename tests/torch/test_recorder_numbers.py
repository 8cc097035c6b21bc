"""Every recorded number against plain autograd: what the module returned, its gradient, the parameters before and after."""

import copy
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nncore.recorders import Recorded
from nncore.recorders.columns import OCTAVES
from nncore.recorders.torch import record
from tests.torch.training_loops import GPT, Recurrent, Residual, blobs, convolutional, mlp, pictures, words

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-14}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield


@dataclass
class Reference:
    """What plain autograd says of one step, in float64: outputs and their gradients by module, parameters by name."""

    outputs: dict[str, list[Tensor]]
    deltas: dict[str, list[Tensor]]
    gradients: dict[str, Tensor]
    loss: float


def reference(model: nn.Module, x: Tensor, y: Tensor, divided_by: float = 1.0) -> Reference:
    """One forward and backward pass with every output kept; the model must change nothing in place."""
    model, outputs = copy.deepcopy(model), {}
    for name, module in model.named_modules():
        if hasattr(module, "inplace"):
            module.inplace = False

        def keep(module: nn.Module, arguments: Any, output: Any, name: str = name) -> None:
            outputs.setdefault(name, []).append(output[0] if isinstance(output, tuple) else output)

        module.register_forward_hook(keep)
    loss = F.cross_entropy(model(x), y) / divided_by
    flat = [each for name in outputs for each in outputs[name]]
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, [*flat, *named.values()], allow_unused=True)
    places = iter(found)
    deltas = {name: [next(places) for _ in each] for name, each in outputs.items()}
    gradients = dict(zip(named, places, strict=True))
    detached = {name: [each.detach() for each in values] for name, values in outputs.items()}
    return Reference(detached, deltas, gradients, float(loss.detach()))


def double(tensors: list[Tensor]) -> np.ndarray:
    return np.concatenate([each.detach().double().numpy().ravel() for each in tensors])


MODELS: dict[str, Callable[[], tuple[nn.Module, tuple[Tensor, Tensor]]]] = {
    "tanh": lambda: (mlp(), blobs()),
    "wide relu": lambda: (mlp(hidden=200, act=nn.ReLU), blobs(64)),
    "sigmoid": lambda: (mlp(act=nn.Sigmoid), blobs()),
    "convolutions": lambda: (convolutional(), pictures()),
    "lstm": lambda: (Recurrent(), (torch.randn(8, 5, 4), torch.randint(3, (8,)))),
    "transformer": lambda: (GPT(), words()),
}


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_every_number_is_autograds(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    model, (x, y) = MODELS[name]()
    model = model.to(dtype)
    x = x.to(dtype) if x.is_floating_point() else x
    for module in model.modules():  # the lstm's dropout would draw other numbers in the copy
        if isinstance(module, nn.LSTM):
            module.dropout = 0.0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    expected, before, after = [], [], []
    with record(model, optimizer, every=1, path=tmp_path / "run.arrows") as recorder:
        for _ in range(3):
            expected.append(reference(model, x, y))
            before.append({key: each.detach().clone() for key, each in model.named_parameters()})
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            recorder.log(loss)
            after.append({key: each.detach().clone() for key, each in model.named_parameters()})
    recorded, near = Recorded.open(tmp_path / "run.arrows"), {"rtol": TOLERANCE[dtype], "err_msg": name}
    assert recorded.steps.tolist() == [0, 1, 2]
    np.testing.assert_allclose(recorded.loss, [each.loss for each in expected], **near)
    for step, plain in enumerate(expected):
        for place, module in enumerate(recorded.modules):
            if module.order < 0:
                continue
            a, delta = double(plain.outputs[module.name]), double(plain.deltas[module.name])

            def ours(quantity: str, step: int = step, place: int = place) -> float:
                return float(recorded.quantity(quantity)[step, place])

            scale = np.sqrt(np.square(a).mean())
            np.testing.assert_allclose(ours("activation_mean"), a.mean(), atol=scale * TOLERANCE[dtype], **near)
            np.testing.assert_allclose(ours("activation_std"), a.std(), atol=scale * TOLERANCE[dtype], **near)
            np.testing.assert_allclose(ours("activation_rms"), scale, **near)
            assert (ours("activation_min"), ours("activation_max")) == (a.min(), a.max())
            np.testing.assert_allclose(ours("delta_norm"), np.linalg.norm(delta), **near)
            np.testing.assert_allclose(ours("delta_rms"), np.sqrt(np.square(delta).mean()), **near)
            if a.size <= 1024:
                quantiles = recorded.distribution("activation_quantiles", step)[place]
                np.testing.assert_allclose(quantiles, np.quantile(a, np.linspace(0, 1, 33)), rtol=1e-6, atol=1e-7)
                for quantity, q in (("activation_p2", 2), ("activation_p98", 98)):
                    np.testing.assert_allclose(ours(quantity), np.percentile(a, q), rtol=1e-6, atol=1e-9)
                assert ours("zero_fraction") == (a == 0).mean() and ours("delta_zero_fraction") == (delta == 0).mean()
                octaves, own = recorded.distribution("delta_octaves", step)[place], np.frexp(delta[delta != 0])[1] - 1
                assert octaves.tolist() == [(own == octave).sum() for octave in OCTAVES]
            else:
                assert abs((a <= ours("activation_p98")).mean() - 0.98) < 0.03
                assert abs((a == 0).mean() - ours("zero_fraction")) < 0.1
        norms = [np.linalg.norm(double([plain.gradients[unit.name]])) for unit in recorded.parameters]
        total = np.linalg.norm(norms)
        shrunk = min(1.0, 0.5 / (total + 1e-6))
        tiny = TOLERANCE[dtype] * total  # a bias before batch norm has gradient 0 but for rounding
        np.testing.assert_allclose(recorded.quantity("gradient_norm")[step], norms, atol=tiny, **near)
        np.testing.assert_allclose(
            recorded.quantity("used_gradient_norm")[step], shrunk * np.array(norms), atol=tiny, **near
        )
        for place, unit in enumerate(recorded.parameters):
            old, new = (double([each[unit.name]]) for each in (before[step], after[step]))
            weight_norm, update_norm = np.linalg.norm(old), np.linalg.norm(new - old)
            np.testing.assert_allclose(recorded.quantity("weight_norm")[step, place], weight_norm, **near)
            np.testing.assert_allclose(recorded.quantity("update_norm")[step, place], update_norm, **near)
            if weight_norm:
                np.testing.assert_allclose(
                    recorded.quantity("update_ratio")[step, place], update_norm / weight_norm, **near
                )
            assert recorded.quantity("learning_rate").tolist() == [0.1] * 3


def step_once(model: nn.Module, optimizer: Any, x: Tensor, y: Tensor) -> None:
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def open_one(path: Path) -> Recorded:
    return Recorded.open(path / "run.arrows")


def test_forty_sigmoid_layers_keep_a_gradient_that_float32_norms_lose(tmp_path: Path) -> None:
    model, (x, y) = mlp(depth=40, act=nn.Sigmoid), blobs()
    truth = reference(copy.deepcopy(model).double(), x.double(), y)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        lost = float(torch.linalg.vector_norm(model[0].weight.grad))
        optimizer.step()
    recorded = open_one(tmp_path)
    true = float(torch.linalg.vector_norm(truth.gradients["0.weight"]))
    assert lost < 0.5 * true < 1e-20, "float32 keeps this gradient's square, and nothing is shown"
    np.testing.assert_allclose(recorded.quantity("gradient_norm")[0, 0], true, rtol=1e-3)
    np.testing.assert_allclose(recorded.quantity("used_gradient_norm")[0, 0], true, rtol=1e-3)
    deltas = [np.linalg.norm(double(truth.deltas[module.name])) for module in recorded.modules]
    np.testing.assert_allclose(recorded.quantity("delta_norm")[0], deltas, rtol=1e-3)


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_norms_of_wide_layers_beyond_float32s_squares_are_estimated(size: float, tmp_path: Path) -> None:
    model = nn.Linear(100, 100, bias=False)
    with torch.no_grad():
        model.weight.mul_(size)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        (model(torch.randn(200, 100)) * 1e-3).sum().backward()
        optimizer.step()
    recorded = open_one(tmp_path)
    assert recorded.modules[0].name == "model"
    true = float(torch.linalg.vector_norm(model.weight.detach().double()))
    np.testing.assert_allclose(recorded.quantity("weight_norm")[0, 0], true, rtol=0.1)
    assert 0.5 < recorded.quantity("activation_rms")[0, 0] / (size * np.sqrt(1 / 3)) < 2


def test_micro_batches_add_up(tmp_path: Path) -> None:
    model, (x, y) = mlp(), blobs()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    parts = [slice(0, 8), slice(8, 20), slice(20, 32)]
    truth = [reference(model, x[rows], y[rows], 3) for rows in parts]
    with record(model, optimizer, path=tmp_path / "run.arrows") as recorder:
        for rows in parts:
            loss = F.cross_entropy(model(x[rows]), y[rows]) / 3
            loss.backward()
            recorder.log(loss)
        optimizer.step()
    recorded = open_one(tmp_path)
    assert (recorded.passes() == 3).all()
    np.testing.assert_allclose(recorded.loss, np.mean([each.loss for each in truth]), rtol=1e-6)
    for place, module in enumerate(recorded.modules):
        a, delta = (
            np.concatenate([double(kept[module.name]) for kept in kinds])
            for kinds in zip(*((t.outputs, t.deltas) for t in truth), strict=True)
        )
        np.testing.assert_allclose(recorded.quantity("activation_std")[0, place], a.std(), rtol=1e-5)
        np.testing.assert_allclose(recorded.quantity("delta_norm")[0, place], np.linalg.norm(delta), rtol=1e-5)
    for place, unit in enumerate(recorded.parameters):
        whole = sum(each.gradients[unit.name] for each in truth)
        np.testing.assert_allclose(recorded.quantity("gradient_norm")[0, place], float(whole.norm()), rtol=1e-5)


@pytest.mark.parametrize("hidden", [16, 200])
def test_many_micro_batches_add_up_in_the_memory_of_a_few(hidden: int, tmp_path: Path) -> None:
    model, (x, y) = mlp(hidden=hidden, act=nn.ReLU), blobs(200)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    parts = [slice(start, start + 10) for start in range(0, 200, 10)]
    truth = [reference(model, x[rows], y[rows], 20) for rows in parts]
    with record(model, optimizer, path=tmp_path / "run.arrows") as recorder:
        for rows in parts:
            (F.cross_entropy(model(x[rows]), y[rows]) / 20).backward()
            assert recorder._passes is not None and len(recorder._passes.passes) <= 9
        optimizer.step()
    recorded = open_one(tmp_path)
    assert (recorded.passes() == 20).all()
    for place, module in enumerate(recorded.modules):
        a, delta = (double([t for each in truth for t in kept(each)[module.name]]) for kept in KINDS)
        for quantity, value in (
            ("activation_mean", a.mean()),
            ("activation_std", a.std()),
            ("activation_min", a.min()),
            ("activation_max", a.max()),
            ("delta_norm", np.linalg.norm(delta)),
        ):
            near = {"rtol": 1e-5, "atol": 1e-6 * a.std() if quantity == "activation_mean" else 0}
            np.testing.assert_allclose(recorded.quantity(quantity)[0, place], value, err_msg=quantity, **near)
        if module.type == "ReLU":
            whole = torch.cat([each.outputs[module.name][0] for each in truth])
            assert recorded.quantity("dead_fraction")[0, place] == float((whole.amax(0) <= 0).double().mean())


KINDS = (lambda truth: truth.outputs, lambda truth: truth.deltas)


def test_a_module_used_twice_has_the_numbers_of_both_calls(tmp_path: Path) -> None:
    from tests.torch.training_loops import Twice

    model, (x, y) = Twice(), blobs()
    truth = reference(model, x, y)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        step_once(model, optimizer, x, y)
    recorded = open_one(tmp_path)
    place = [module.name for module in recorded.modules].index("shared")
    assert len(truth.outputs["shared"]) == 2 and recorded.passes()[0, place] == 1
    np.testing.assert_allclose(
        recorded.quantity("activation_std")[0, place], double(truth.outputs["shared"]).std(), rtol=1e-5
    )
    np.testing.assert_allclose(
        recorded.quantity("delta_norm")[0, place], np.linalg.norm(double(truth.deltas["shared"])), rtol=1e-5
    )


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_counts_once_and_delta_is_right(reentrant: bool, tmp_path: Path) -> None:
    model, (x, y) = GPT(checkpointed=reentrant), words()
    truth = reference(_without_checkpoints(model), x, y)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        step_once(model, optimizer, x, y)
    recorded = open_one(tmp_path)
    assert (recorded.passes() == 1).all()
    for place, module in enumerate(recorded.modules):
        delta = np.linalg.norm(double(truth.deltas[module.name]))
        np.testing.assert_allclose(recorded.quantity("delta_norm")[0, place], delta, rtol=1e-5, err_msg=module.name)
    names = [module.name for module in recorded.modules]
    assert (
        names.index("blocks.0.ln1")
        < names.index("blocks.0.attn.qkv")
        < names.index("blocks.0.mlp.1")
        < names.index("norm")
    )


def _without_checkpoints(model: GPT) -> GPT:
    model = copy.deepcopy(model)
    model.checkpointed = None
    return model


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("to_none", [False, True])
def test_the_loss_scale_is_divided_out_and_skipped_steps_are_counted(
    fused: bool, to_none: bool, tmp_path: Path
) -> None:
    model, (x, y) = mlp(), blobs()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12, growth_interval=2)
    truth = []
    with record(model, optimizer, every=1, path=tmp_path / "run.arrows", scaler=scaler):
        for step in range(8):
            optimizer.zero_grad(set_to_none=to_none)
            overflow = step in (0, 3, 4)
            if not overflow:
                truth.append(reference(model, x, y))
            scaler.scale(F.cross_entropy(model(x), y) * (math.inf if overflow else 1.0)).backward()
            scaler.step(optimizer)
            scaler.update()
    recorded = open_one(tmp_path)
    steps = recorded.steps.tolist()
    kept = [k for k in steps if not (fused and k in (0, 3, 4))]  # a fused optimizer is called, and skips inside
    assert len(kept) == len(truth) == 5
    if not fused:
        assert recorded.quantity("skipped").tolist() == [1, 1, 3, 3, 3]
        assert recorded.quantity("scale").tolist() == [2.0**11, 2.0**11, 2.0**10, 2.0**10, 2.0**11]
    for place, plain in zip(kept, truth, strict=True):
        assert (recorded.passes()[place] == 1).all()
        for quantity in ("gradient_norm", "used_gradient_norm"):
            norms = [float(plain.gradients[unit.name].norm()) for unit in recorded.parameters]
            np.testing.assert_allclose(recorded.quantity(quantity)[place], norms, rtol=1e-5)
        deltas = [np.linalg.norm(double(plain.deltas[module.name])) for module in recorded.modules]
        np.testing.assert_allclose(recorded.quantity("delta_norm")[place], deltas, rtol=1e-5)
    if fused:
        skipped = [k for k in steps if k not in kept]
        assert (recorded.quantity("update_norm")[skipped] == 0).all()


def test_lbfgs_records_the_gradient_it_ended_with(tmp_path: Path) -> None:
    model, (x, y) = mlp(), blobs()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    with record(model, optimizer, path=tmp_path / "run.arrows"):
        before = model[0].weight.detach().clone()
        optimizer.step(closure)
    recorded = open_one(tmp_path)
    np.testing.assert_allclose(
        recorded.quantity("used_gradient_norm")[0, 0], float(model[0].weight.grad.norm()), rtol=1e-5
    )
    moved = float((model[0].weight.detach() - before).norm())
    np.testing.assert_allclose(recorded.quantity("update_norm")[0, 0], moved, rtol=1e-5)


def test_gradients_that_were_thrown_away_do_not_count(tmp_path: Path) -> None:
    model, (x, y) = mlp(), blobs()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    truth = reference(model, x, y)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        for _ in range(3):
            (100 * model(x).square().sum()).backward()
            optimizer.zero_grad()
        step_once(model, optimizer, x, y)
    recorded = open_one(tmp_path)
    assert (recorded.passes() == 1).all()
    deltas = [np.linalg.norm(double(truth.deltas[module.name])) for module in recorded.modules]
    np.testing.assert_allclose(recorded.quantity("delta_norm")[0], deltas, rtol=1e-5)


def test_evaluations_do_not_count(tmp_path: Path) -> None:
    model, (x, y) = mlp(), blobs()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    truth = reference(model, x, y)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        with torch.no_grad():
            model(100 * x)
        for _ in range(40):
            model(100 * x)
        step_once(model, optimizer, x, y)
    recorded = open_one(tmp_path)
    assert (recorded.passes() == 1).all()
    np.testing.assert_allclose(
        recorded.quantity("activation_rms")[0, 0], np.sqrt(np.square(double(truth.outputs["0"])).mean()), rtol=1e-5
    )


def test_saturated_and_dead_shares(tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 10), nn.Tanh(), nn.Linear(10, 10), nn.Sigmoid(), nn.Linear(10, 3)
    )
    with torch.no_grad():
        model[0].bias[:3] = -100
        model[2].bias[:2] = 50
        model[4].bias[:5] = -50
    x, y = torch.randn(64, 4), torch.randint(3, (64,))
    truth = reference(model, x, y)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        step_once(model, optimizer, x, y)
    recorded = open_one(tmp_path)
    relu, tanh, sigmoid = (truth.outputs[name][0] for name in "135")
    assert recorded.quantity("dead_fraction")[0, 1] == float((relu == 0).all(dim=0).double().mean()) >= 0.3
    saturated = recorded.quantity("saturated_fraction")[0]
    assert saturated[3] == float((1 - tanh.double() ** 2 < 0.01).double().mean()) >= 0.2
    assert saturated[5] == float((4 * sigmoid.double() * (1 - sigmoid.double()) < 0.01).double().mean()) >= 0.5
    assert np.isnan(saturated[[0, 1, 2, 4, 6]]).all()


def test_dead_channels_of_a_convolution(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(800, 3))
    with torch.no_grad():
        model[0].bias[:2] = -100
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        step_once(model, optimizer, *pictures())
    assert open_one(tmp_path).quantity("dead_fraction")[0, 1] == 0.25


def test_updates_that_bfloat16_swallows_are_counted(tmp_path: Path) -> None:
    model, (x, y) = mlp(hidden=64).bfloat16(), blobs()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        step_once(model, optimizer, x.bfloat16(), y)
    recorded = open_one(tmp_path)
    weights = [place for place, unit in enumerate(recorded.parameters) if unit.name.endswith("weight")]
    assert (recorded.quantity("unchanged_fraction")[0, weights] > 0.95).all()
    assert recorded.parameters[0].dtype == "bfloat16"


def test_an_embeddings_idle_rows_are_not_swallowed_updates(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(20, 4), nn.Flatten(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        step_once(model, optimizer, torch.randint(5, (16, 2)), torch.randint(3, (16,)))
    recorded = open_one(tmp_path)
    assert recorded.quantity("unchanged_fraction")[0, 0] == 0
    assert recorded.quantity("gradient_zero_fraction")[0, 0] >= 0.75


def test_names_blocks_order_and_what_follows_what(tmp_path: Path) -> None:
    model = GPT(depth=2)
    optimizer = torch.optim.SGD([each for name, each in model.named_parameters() if "ln2" not in name], lr=0.1)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        step_once(model, optimizer, *words())
    recorded = open_one(tmp_path)
    own = ["ln1", "attn.qkv", "attn.proj", "ln2", "mlp.0", "mlp.1", "mlp.2"]
    inside = [f"blocks.{k}.{name}" if name else f"blocks.{k}" for k in range(2) for name in [*own, ""]]
    assert [module.name for module in recorded.modules] == ["tokens", "places", *inside, "norm", "head"]
    assert [block.name for block in recorded.blocks] == ["tokens", "places", "blocks.0", "blocks.1", "norm", "head"]
    assert [recorded.modules[block.output].name for block in recorded.blocks] == [
        block.name for block in recorded.blocks
    ]
    by_name = {unit.name: unit for unit in (*recorded.modules, *recorded.parameters)}
    assert by_name["blocks.1.mlp.0"].kind == "mlp.0" and by_name["blocks.1.mlp.0"].follows == "blocks.1.ln2"
    assert by_name["blocks.1.mlp.2"].follows == "blocks.1.mlp.1" and by_name["blocks.1.ln2"].follows == ""
    assert by_name["tokens.weight"].aliases == ("head.weight",)
    assert not by_name["blocks.0.ln2.weight"].trained and by_name["blocks.0.ln1.weight"].trained
    assert by_name["blocks.0.attn.qkv"].shape == (4, 8, 48) and by_name["blocks.0.attn.qkv"].type == "Linear"
    assert [recorded.modules[k].name for k in recorded.path_of_gradient] == [
        "tokens",
        "places",
        "blocks.0",
        "blocks.1",
        "norm",
        "head",
    ]


def test_a_module_that_is_never_called_is_listed_and_blank(tmp_path: Path) -> None:
    model = nn.Sequential(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), nn.Flatten(), nn.Linear(80, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        step_once(model, optimizer, torch.randn(8, 5, 16), torch.randint(3, (8,)))
    recorded = open_one(tmp_path)
    assert recorded.modules[-1].name == "0.self_attn.out_proj" and recorded.modules[-1].order == -1
    assert np.isnan(recorded.quantity("delta_norm")[0, -1]) and recorded.passes()[0, -1] == 0
    place = [unit.name for unit in recorded.parameters].index("0.self_attn.out_proj.weight")
    assert recorded.quantity("gradient_norm")[0, place] > 0


def test_the_residual_streams_sum_in_place_does_not_spoil_its_branch(tmp_path: Path) -> None:
    model, (x, y) = nn.Sequential(Residual(3), nn.Flatten(), nn.Linear(432, 3)), pictures()

    class Apart(Residual):
        def forward(self, x: Tensor) -> Tensor:
            y = self.b2(self.c2(F.relu(self.b1(self.c1(x)))))
            return F.relu(y + x)

    apart = nn.Sequential(Apart(3), nn.Flatten(), nn.Linear(432, 3))
    apart.load_state_dict(model.state_dict())
    truth = reference(apart, x, y)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, path=tmp_path / "run.arrows"):
        step_once(model, optimizer, x, y)
    recorded = open_one(tmp_path)
    for place, module in enumerate(recorded.modules):
        if module.type != "ReLU":
            a, delta = double(truth.outputs[module.name]), double(truth.deltas[module.name])
            np.testing.assert_allclose(
                recorded.quantity("activation_rms")[0, place], np.sqrt(np.square(a).mean()), rtol=1e-5
            )
            np.testing.assert_allclose(recorded.quantity("delta_norm")[0, place], np.linalg.norm(delta), rtol=1e-5)


def test_the_loss_may_be_told_before_the_step_after_it_or_never(tmp_path: Path) -> None:
    for when in ("before", "after", "never"):
        torch.manual_seed(0)
        model, (x, y), losses = mlp(), blobs(), []
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with record(model, optimizer, every=3, path=tmp_path / f"{when}.arrows") as recorder:
            for _ in range(10):
                loss = F.cross_entropy(model(x), y)
                losses.append(loss.item())
                optimizer.zero_grad()
                loss.backward()
                if when == "before":
                    recorder.log(loss)
                optimizer.step()
                if when == "after":
                    recorder.log(loss.item())
        found = Recorded.open(tmp_path / f"{when}.arrows")
        assert found.steps.tolist() == [0, 3, 6, 9]
        np.testing.assert_allclose(found.loss, np.full(4, np.nan) if when == "never" else losses[::3], rtol=1e-6)


PROCESS = """
import sys, torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from nncore.recorders.torch import record

rank, folder = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
model = DistributedDataParallel(net)
torch.manual_seed(rank)
x = torch.randn(16, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with record(model, optimizer, every=1, path=f"{folder}/{rank}.arrows"):
    for step in range(3):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        print(*(float(each.grad.norm()) for each in net.parameters()), flush=True)
        optimizer.step()
distributed.destroy_process_group()
"""


def test_of_several_processes_the_reduced_gradient_is_recorded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS]
    running = [subprocess.Popen([*command, str(k), str(tmp_path)], stdout=subprocess.PIPE, text=True) for k in range(2)]
    printed = [each.communicate(timeout=240)[0] for each in running]
    assert [each.returncode for each in running] == [0, 0]
    runs = [Recorded.open(tmp_path / f"{rank}.arrows") for rank in range(2)]
    for recorded, text in zip(runs, printed, strict=True):
        norms = np.array([line.split() for line in text.splitlines() if line[:1].isdigit()], float)
        np.testing.assert_allclose(recorded.quantity("gradient_norm"), norms, rtol=1e-5)
        assert [module.name for module in recorded.modules] == ["0", "1", "2"]
    assert not np.allclose(runs[0].quantity("delta_norm"), runs[1].quantity("delta_norm"), rtol=1e-3), (
        "δ is each one's own"
    )
