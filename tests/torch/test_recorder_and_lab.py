"""One network trained twice, by nncore and by PyTorch with a recorder: the same numbers, so the same pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nncore import RunConfig, measures, run
from nncore.diagnosis import ledger
from nncore.diagnosis.recorded_ledger import recorded_ledger, stand_in
from nncore.recorders import Recorded
from nncore.recorders import measures as of_recorded
from nncore.recorders.torch import record

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_recorded_network_has_the_numbers_of_its_history(activation: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    config = RunConfig(
        dataset="moons", n_samples=100, hidden=(16,) * 6, activation=activation, steps=5, learning_rate=0.1
    )
    history, data = run(config), config.data()
    layers: list[nn.Module] = []
    for weight, bias in config.layout().split(config.initial_theta()):
        linear = nn.Linear(*weight.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weight.T.copy()))
            linear.bias.copy_(torch.tensor(bias.copy()))
        layers += [linear, ACTIVATIONS[activation]()]
    model, optimizer = nn.Sequential(*layers[:-1]), None
    x, y = torch.tensor(data.x_train), torch.tensor(config.targets(data.y_train))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, every=1, path=tmp_path / "run.arrows") as recorder:
        for _ in range(5):
            loss = F.binary_cross_entropy_with_logits(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.log(loss)
    recorded = Recorded.open(tmp_path / "run.arrows")
    linear = [place for place, module in enumerate(recorded.modules) if module.type == "Linear"]
    names = ["delta_norm", "weight_gradient_norm", "bias_gradient_norm", "weight_norm", "update_ratio"]
    ours = measures.per_layer(
        history, [*names, "z_std", "activation_std", "dead_fraction", "saturated_fraction"], np.arange(5)
    )
    theirs = of_recorded.per_layer(recorded, [*names, "activation_std"], places=linear)
    np.testing.assert_allclose(recorded.loss, history.loss[:5], rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(len(x)) * theirs["delta_norm"], ours["delta_norm"], rtol=1e-12)
    np.testing.assert_allclose(theirs["activation_std"], ours["z_std"], rtol=1e-10)
    for name in names[1:]:
        np.testing.assert_allclose(theirs[name], ours[name], rtol=1e-9, err_msg=name)
    acts = [place for place, module in enumerate(recorded.modules) if module.type != "Linear"]
    hidden = of_recorded.per_layer(recorded, ["activation_std", "dead_fraction", "saturated_fraction"], places=acts)
    np.testing.assert_allclose(hidden["activation_std"], ours["activation_std"][:, :-1], rtol=1e-10)
    for name in ("saturated_fraction", "dead_fraction") if activation == "relu" else ("saturated_fraction",):
        np.testing.assert_allclose(hidden[name], ours[name][:, :-1], rtol=1e-12, err_msg=name)
    assert recorded.path_of_gradient == tuple(linear)
    for step in (0, 4):
        theirs, ours = recorded_ledger(recorded, step), ledger(history, step)
        for part in ("weights", "slope", "total"):
            np.testing.assert_allclose(theirs[part], ours[part], atol=1e-10, err_msg=part)
        assert not theirs["other"].any() and theirs.columns is not None
        assert theirs.columns["name"][1].tolist() == [recorded.modules[place].name for place in linear[:-1]]
    like = stand_in(recorded)
    assert like is not None and (like.hidden, like.activation) == (config.hidden, activation)
    assert like.gain == pytest.approx(1.0, abs=0.2)  # of xavier_normal among equal widths
