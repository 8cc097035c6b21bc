"""What recording does not do: no synchronisation for a tensor, nothing on unrecorded steps, no second graph of a compiled model."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from nncore.recorders import Recorded
from nncore.recorders.torch import record
from tests.torch.training_loops import GPT, blobs, convolutional, mlp, pictures, words


class Counted(TorchDispatchMode):
    """Counts the operations that PyTorch carries out."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, operation: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        self.counts[operation.overloadpacket.__name__] += 1
        return operation(*arguments, **(named or {}))


def step(model: nn.Module, optimizer: Any, data: Any, recorder: Any = None) -> None:
    x, y = data
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if recorder is not None:
        recorder.log(loss)


@pytest.mark.parametrize(("make", "draw"), [(mlp, blobs), (convolutional, pictures), (GPT, words)])
def test_no_number_is_fetched_alone(make: Any, draw: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, data = make(), draw()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)  # Adam fetches its own count of steps
    with record(model, optimizer, every=1, path=tmp_path / "run.arrows") as recorder:
        with Counted() as alone:
            torch.tensor(1.0).item()
        with Counted() as counted:
            for _ in range(3):
                step(model, optimizer, data, recorder)
    assert alone.counts["_local_scalar_dense"] == 1, "so it would be seen"
    fetching = {"_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "unique"}
    assert not fetching & set(counted.counts), counted.counts
    assert not {"sort", "histc", "bincount", "quantile"} & set(counted.counts), "distributions are taken on the host"
    assert Recorded.open(tmp_path / "run.arrows").steps.tolist() == [0, 1, 2]


def test_between_records_nothing_hangs_on_the_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, data = mlp(), blobs()
    optimizer = torch.optim.AdamW(model.parameters(), foreach=True)
    with Counted() as alone:
        step(model, optimizer, data)
        step(model, optimizer, data)
    with record(model, optimizer, every=5, path=tmp_path / "run.arrows"):
        step(model, optimizer, data)
        step(model, optimizer, data)  # in which the first is written
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
        assert not any(each._post_accumulate_grad_hooks for each in model.parameters())
        with Counted() as between:
            step(model, optimizer, data)
            step(model, optimizer, data)
    first = {"empty_like", "zeros_like", "_to_copy", "zeros", "lift_fresh", "scalar_tensor"}  # making Adam's moments
    assert {name: count for name, count in between.counts.items() if name not in first} == {
        name: count for name, count in alone.counts.items() if name not in first
    }


def test_a_compiled_model_keeps_its_one_graph(tmp_path: Path) -> None:
    def graphs(path: Path | None) -> int:
        torch._dynamo.reset()
        torch.manual_seed(0)
        compiled: list[Any] = []

        def backend(graph: Any, inputs: Any) -> Any:
            compiled.append(graph)
            return graph.forward

        own = mlp()
        model, data = torch.compile(own, backend=backend), blobs()
        optimizer = torch.optim.SGD(own.parameters(), lr=0.1)
        if path is None:
            for _ in range(4):
                step(model, optimizer, data)
        else:
            with record(model, optimizer, every=2, path=path) as recorder:
                for _ in range(4):
                    step(model, optimizer, data, recorder)
        return len(compiled)

    assert graphs(tmp_path / "run.arrows") == graphs(None) == 1
    recorded = Recorded.open(tmp_path / "run.arrows")
    assert recorded.steps.tolist() == [0, 2] and (recorded.quantity("gradient_norm") > 0).all()
    assert (recorded.loss > 0).all()
