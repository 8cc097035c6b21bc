"""The verdicts on real PyTorch trainings: what is wrong is named, what is sound is left alone."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nncore.diagnosis.loss_spike import LossSpike, last_spike
from nncore.diagnosis.recorded_run import RecordedVerdict, recorded_verdict
from nncore.recorders import Recorded
from nncore.recorders.torch import record
from tests.torch.training_loops import GPT, blobs, convolutional, mlp, pictures, words


def verdicts(
    path: Path,
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    optimizer: Any = None,
    clip: float | None = None,
    steps: int = 15,
) -> dict[str, RecordedVerdict]:
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = data
    with record(model, optimizer, every=1, path=path / "run.arrows") as recorder:
        for _ in range(steps):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            recorder.log(loss)
    return {each.rule: each for each in recorded_verdict(Recorded.open(path / "run.arrows"))}


def seeded(model: Any, *arguments: Any, **settings: Any) -> Any:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return model(*arguments, **settings)


def test_sound_trainings_are_left_alone(tmp_path: Path) -> None:
    for number, (make, data) in enumerate(((mlp, blobs), (convolutional, pictures), (GPT, words))):
        (tmp_path / str(number)).mkdir()
        assert not verdicts(tmp_path / str(number), seeded(make), data()), make


def test_a_deep_sigmoid_network_vanishes_and_a_deep_transformer_does_not(tmp_path: Path) -> None:
    found = verdicts(tmp_path, seeded(mlp, depth=20, act=nn.Sigmoid), blobs())
    assert found["vanishing"].names[0] == "0" and found["vanishing"].value < 1e-8
    (tmp_path / "sound").mkdir()
    assert not verdicts(tmp_path / "sound", seeded(GPT, depth=24), words())


def test_wide_initial_weights_explode(tmp_path: Path) -> None:
    model = seeded(mlp, depth=12, act=nn.ReLU)
    with torch.no_grad():
        for name, each in model.named_parameters():
            each.mul_(8 if name.endswith("weight") else 1)
    assert "exploding" in verdicts(tmp_path, model, blobs())


def test_what_the_optimizer_lacks_and_what_forward_leaves_out_are_named(tmp_path: Path) -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.unused, self.head = mlp(), nn.Linear(8, 8), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.body(x))  # type: ignore[no-any-return]

    model = seeded(Forgetful)
    optimizer = torch.optim.Adam([*model.body.parameters(), *model.unused.parameters()])
    found = verdicts(tmp_path, model, blobs(), optimizer)
    assert found["not_trained"].names == ("head.weight", "head.bias")
    assert found["unreached"].names == ("unused.weight", "unused.bias")


def test_clipping_that_hides_every_step_is_seen(tmp_path: Path) -> None:
    assert "clipping_hides_all" in verdicts(tmp_path, seeded(mlp), blobs(), clip=1e-3)
    (tmp_path / "mild").mkdir()
    assert not verdicts(tmp_path / "mild", seeded(mlp), blobs(), clip=1.0)


def test_updates_that_bfloat16_swallows_are_seen(tmp_path: Path) -> None:
    x, y = blobs()
    model = seeded(mlp, hidden=64).bfloat16()
    found = verdicts(tmp_path, model, (x.bfloat16(), y), torch.optim.SGD(model.parameters(), lr=1e-6))
    assert {"0.weight", "2.weight"} <= set(found["update_swallowed"].names)
    assert found["update_swallowed"].severity == 2


def test_dead_units_are_seen(tmp_path: Path) -> None:
    model = seeded(mlp, act=nn.ReLU)
    with torch.no_grad():
        model[2].bias -= 100
    found = verdicts(tmp_path, model, blobs())
    assert found["dead"].names == ("3",) and "no_gradient" in found


def test_the_module_that_diverges_first_is_named(tmp_path: Path) -> None:
    model = seeded(mlp, act=nn.ReLU)
    found = verdicts(tmp_path, model, blobs(), torch.optim.SGD(model.parameters(), lr=1e20))
    assert "From step" in found["not_finite"].sentence and found["not_finite"].severity == 3


def test_a_layer_that_is_pushed_the_wrong_way_is_named_before_the_loss_jumps(tmp_path: Path) -> None:
    def trained(push: float) -> Recorded:
        model = seeded(
            lambda: nn.Sequential(
                *(each for k in range(5) for each in (nn.Linear(20 if k == 0 else 32, 32), nn.Tanh())), nn.Linear(32, 4)
            )
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.15)
        x = torch.randn(600, 20)
        y = (x[:, 0] > 0).long() + 2 * (x[:, 1] * x[:, 2] > 0).long()
        path = tmp_path / f"{push}.arrows"
        with record(model, optimizer, every=1, path=path) as recorder:
            for step in range(240):
                rows = torch.randint(600, (64,))
                loss = F.cross_entropy(model(x[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                if step >= 220:
                    model[4].weight.grad.mul_(push)
                optimizer.step()
                recorder.log(loss)
        return Recorded.open(path)

    alone, pushed = (last_spikes(trained(push)) for push in (1.0, -60.0))
    assert not any(spike.movers for spike, _ in alone)
    spike, names = next((spike, names) for spike, names in pushed if spike.record >= 220)
    assert names == ["4.weight"] and spike.first == 220 < spike.record


def last_spikes(recorded: Recorded) -> list[tuple[LossSpike, list[str]]]:
    """What is found at each of the last records, and the names of what moved first."""
    found = [spike for record in range(200, len(recorded.steps)) if (spike := last_spike(recorded, record))]
    return [(spike, [recorded.parameters[place].name for place in spike.movers]) for spike in found]
