"""Whatever loop is recorded, it trains the same bits as without, and what was recorded makes sense."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nncore.recorders import Recorded
from nncore.recorders.torch import record
from tests.torch.training_loops import LOOPS, unrecorded


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def run(name: str, path: Path, every: int = 1) -> tuple[list[torch.Tensor], Recorded]:
    found = LOOPS[name](partial(record, every=every, path=path))
    return found, Recorded.open(path)


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", LOOPS)
def test_recording_changes_no_bit(name: str, every: int, tmp_path: Path) -> None:
    alone = LOOPS[name](unrecorded)
    found, recorded = run(name, tmp_path / "run.arrows", every)
    assert len(alone) == len(found)
    for mine, theirs in zip(found, alone, strict=True):
        assert torch.equal(torch.nan_to_num(mine), torch.nan_to_num(theirs))
        assert mine.dtype == theirs.dtype
    assert recorded.finished and len(recorded.steps) and (recorded.steps % every == 0).all()


WITHOUT_MODULES = ("compiled_model", "a_compiled_part")


@pytest.mark.parametrize("name", [name for name in LOOPS if name not in WITHOUT_MODULES])
def test_every_loop_shows_activations_and_delta(name: str, tmp_path: Path) -> None:
    recorded = run(name, tmp_path / "run.arrows")[1]
    called = np.array([module.order >= 0 for module in recorded.modules])
    assert called.sum() >= 2
    last = len(recorded.steps) - 1
    for quantity in ("activation_std", "delta_norm", "gradient_norm", "update_norm", "weight_norm"):
        assert np.isfinite(recorded.quantity(quantity)[min(1, last)]).any(), quantity


@pytest.mark.parametrize("name", WITHOUT_MODULES)
def test_of_a_compiled_model_the_parameters_are_recorded_and_it_is_said_why(name: str, tmp_path: Path) -> None:
    recorded = run(name, tmp_path / "run.arrows")[1]
    assert np.isfinite(recorded.quantity("gradient_norm")).all() and np.isfinite(recorded.quantity("update_norm")).all()
    assert np.isnan(recorded.quantity("delta_norm")).all()
    assert any("compiled" in caveat for caveat in recorded.caveats)
    assert [unit.name for unit in recorded.parameters][:2] == ["0.weight", "0.bias"]
    assert recorded.modules[recorded.called[0]].name == "0"


@pytest.mark.parametrize("name", LOOPS)
def test_no_hook_is_left(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def watched(model: Any, optimizer: Any, **more: Any) -> Any:
        own = [count_hooks(model, optimizer)]
        recorder = record(model, optimizer, every=1, path=tmp_path / "run.arrows", **more)
        seen.append((model, optimizer, own))
        return recorder

    LOOPS[name](watched)
    model, optimizer, (before,) = seen[0]
    assert count_hooks(model, optimizer) == before


def count_hooks(model: torch.nn.Module, optimizer: Any) -> int:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_forward_hooks_always_called")
    optimizers = optimizer if isinstance(optimizer, list) else [optimizer]
    found = sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)
    found += sum(len(each._post_accumulate_grad_hooks or ()) for each in model.parameters())
    return found + sum(
        len(each._optimizer_step_pre_hooks) + len(each._optimizer_step_post_hooks) for each in optimizers
    )
