"""What goes wrong around a recording: refusals in a sentence, a killed process, a full disk, errors, several recorders."""

import errno
import os
import pickle
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nncore.recorders import Recorded
from nncore.recorders.torch import Recorder, record
from tests.patience import PATIENCE, until
from tests.torch.training_loops import mlp

BEGIN = """
import torch
from torch import nn
from nncore.recorders.torch import record
torch.set_num_threads(1)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters())
x, y = torch.randn(32, 8), torch.randint(3, (32,))
def step():
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss
"""


def program(text: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", BEGIN + textwrap.dedent(text), *arguments]


def trained(recorder: Recorder | None, model: nn.Module, optimizer: Any, steps: int = 6) -> list[Tensor]:
    x, y = torch.ones(4, 8), torch.zeros(4, dtype=torch.long)
    for _ in range(steps):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if recorder is not None:
            recorder.log(loss)
    return [each.detach().clone() for each in model.parameters()]


def made() -> tuple[nn.Sequential, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = mlp()
    return model, torch.optim.Adam(model.parameters())


# Refusals --------------------------------------------------------------------------------------------------------


def refused(path: Path, model: Any = None, optimizer: Any = None, **more: Any) -> str:
    own_model, own_optimizer = made()
    with pytest.raises(ValueError) as caught:
        record(model or own_model, own_optimizer if optimizer is None else optimizer, path=path, **more)
    assert not path.exists() and "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_recorded_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "run.arrows"
    assert "model must be a torch.nn.Module; got int" in refused(path, model=3)
    assert "optimizer must be a torch.optim.Optimizer or several; got str" in refused(path, optimizer="adam")
    assert "got none" in refused(path, optimizer=[])
    for every in (0, -1, 2.5, True, "3"):
        assert "every must be a whole number of steps from 1" in refused(path, every=every)
    assert "scaler must be" in refused(path, scaler=3)
    assert "DataParallel cannot be recorded" in refused(path, model=nn.DataParallel(mlp()))
    assert "DataParallel cannot be recorded" in refused(path, model=nn.Sequential(nn.DataParallel(mlp())))
    assert "has no shape yet" in refused(path, model=nn.Sequential(nn.LazyLinear(3)))
    assert "run.arrows" in refused(tmp_path / "run.parquet")


@pytest.mark.parametrize(
    ("loss", "got"), [(torch.ones(3), "shape (3,)"), (None, "NoneType"), ("low", "str"), ([1.0], "list")]
)
def test_a_loss_that_is_none_is_refused(loss: Any, got: str, tmp_path: Path) -> None:
    with (
        record(*made(), path=tmp_path / "run.arrows") as recorder,
        pytest.raises(ValueError, match="loss must be") as caught,
    ):
        recorder.log(loss)
    assert got in str(caught.value)


def test_fsdp_of_both_generations_is_refused(tmp_path: Path) -> None:
    text = """
    import sys
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
    from torch.distributed.tensor import distribute_tensor, Shard
    distributed.init_process_group("gloo", init_method=f"file://{sys.argv[1]}/meet", rank=0, world_size=1)
    mesh = init_device_mesh("cpu", (1,))
    sharded = nn.Linear(4, 4)
    sharded.weight = nn.Parameter(distribute_tensor(sharded.weight.detach(), mesh, [Shard(0)]))
    models = [sharded]
    for wrap in (lambda: fully_shard(nn.Linear(4, 4), mesh=mesh),
                 lambda: FullyShardedDataParallel(nn.Linear(4, 4), device_id=torch.device("cpu"))):
        models.append(wrap())
    for model in models:
        try:
            record(model, torch.optim.SGD(model.parameters(), lr=0.1), path=sys.argv[1] + "/run.arrows")
        except ValueError as error:
            print("refused:", error)
    distributed.destroy_process_group()
    """
    done = subprocess.run(program(text, str(tmp_path)), capture_output=True, text=True, timeout=PATIENCE, check=False)
    sentences = [line for line in done.stdout.splitlines() if line.startswith("refused: ")]
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(sentences) == 3 and "DTensor" in sentences[0] and all("FSDP" in each for each in sentences)


def test_no_file_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "run.arrows"
    with record(*made(), path=path) as recorder:
        pass
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match="path must name a new file"), record(*made(), path=path):
        pass
    path.unlink()
    with pytest.raises(FileExistsError, match=r"run\.parquet"), record(*made(), path=path):
        pass
    assert content and not path.exists()
    with pytest.raises(ValueError, match="started already"):
        recorder.start()
    recorder.close()


# What ends a recording ---------------------------------------------------------------------------------------------


def test_an_error_in_the_loop_passes_through_and_the_file_is_whole(tmp_path: Path) -> None:
    model, optimizer = made()
    with (
        pytest.raises(ZeroDivisionError, match="by zero"),
        record(model, optimizer, every=1, path=tmp_path / "run.arrows") as recorder,
    ):
        trained(recorder, model, optimizer)
        1 / 0  # noqa: B018
    for name in ("run.arrows", "run.parquet"):
        recorded = Recorded.open(tmp_path / name)
        assert recorded.finished and recorded.ended.startswith("ZeroDivisionError: division")
        assert recorded.steps.tolist() == list(range(6)) and np.isfinite(recorded.loss).all()


@pytest.mark.parametrize("steps", [30, 77, 131])
def test_a_killed_process_leaves_a_file_that_lacks_at_most_its_last_second(steps: int, tmp_path: Path) -> None:
    text = """
    import sys, time
    with record(model, optimizer, every=1, path=sys.argv[1]) as recorder:
        for k in range(100_000):
            began = time.monotonic()
            recorder.log(step())
            print(k, began, flush=True)
            time.sleep(0.02)
    """
    path, printed = tmp_path / "run.arrows", []
    process = subprocess.Popen(program(text, str(path)), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            printed.append(line.split())
            if len(printed) == steps:
                process.kill()
                break
        process.wait(timeout=PATIENCE)
        printed += [line.split() for line in process.stdout.read().splitlines() if line.count(" ") == 1]
    recorded = Recorded.open(path)
    began = [float(when) for _, when in printed]
    owed = {
        k for k in range(len(began) - 1) if began[k + 1] < began[-1] - 1.0
    }  # the last step found it waiting for a second
    assert not recorded.finished and not (tmp_path / "run.parquet").exists()
    assert owed <= set(recorded.steps.tolist()) <= set(range(len(printed) + 1))
    assert np.isfinite(recorded.loss).all() and np.isfinite(recorded.quantity("delta_norm")).all()


def test_a_run_can_be_followed_while_it_is_written(tmp_path: Path) -> None:
    model, optimizer = made()
    path = tmp_path / "run.arrows"
    with record(model, optimizer, every=1, path=path) as recorder:
        followed = Recorded.open(path)
        assert not len(followed.steps) and [module.name for module in followed.modules][:2] == ["0", "1"]
        until(lambda: len(followed.steps) >= 10, lambda: (trained(recorder, model, optimizer, 3), followed.refresh()))
        assert followed.modules[0].order == 0 and not followed.finished
    assert followed.refresh() and followed.finished
    assert followed.steps.tolist() == Recorded.open(path).steps.tolist()


def test_a_full_disk_is_one_warning_and_training_goes_on(tmp_path: Path) -> None:
    text = """
    import resource, sys, warnings
    losses = [step().item() for _ in range(40)]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters())
    import nncore.recorders.torch.recorder, nncore.recorders.stream
    nncore.recorders.stream.LATEST = 0.0
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with record(model, optimizer, every=1, path=sys.argv[1]) as recorder:
            again = []
            for _ in range(40):
                again.append(step().item())
                recorder.log(again[-1])
    print(len(caught), str(caught[0].message).replace(chr(10), " "))
    print(losses == again)
    """
    path = tmp_path / "run.arrows"
    done = subprocess.run(program(text, str(path)), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    warning, same = done.stdout.splitlines()
    assert warning.startswith("1 recording to ") and "training goes on: OSError" in warning and same == "True"
    recorded = Recorded.open(path)
    assert 0 < len(recorded.steps) < 40 and not recorded.finished and np.isfinite(recorded.loss).all()


@pytest.mark.parametrize("written", [0, 1, 4, "end", "Parquet"], ids=lambda each: f"after {each}")
def test_wherever_the_disk_is_full_training_ends_as_without_a_recorder(
    written: int | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nncore.recorders import recorded, stream

    model, optimizer = made()
    alone = trained(None, model, optimizer)
    model, optimizer = made()
    own, count, path = stream.StreamWriter._write, 0, tmp_path / "run.arrows"

    def full(*ignored: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(self: stream.StreamWriter, content: bytes) -> None:
        nonlocal count
        if count == written or (written == "end" and content == stream.END):
            own(self, content[: len(content) // 2])
            full()
        count += 1
        own(self, content)

    monkeypatch.setattr(stream, "LATEST", 0.0)
    monkeypatch.setattr(stream.StreamWriter, "_write", write)
    if written == "Parquet":
        monkeypatch.setattr(recorded, "_parquet_writer", full)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with record(model, optimizer, every=1, path=path) as recorder:
            found = trained(recorder, model, optimizer)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, alone, strict=True))
    (said,) = [str(each.message) for each in caught]
    assert "training goes on: OSError: [Errno 28] No space left on device" in said and "\n" not in said
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    left = [] if written == 0 else ["run.arrows"]
    assert [each.name for each in tmp_path.iterdir()] == left, "no half of a Parquet file, nor one without a header"
    if left:
        assert np.isfinite(Recorded.open(path).loss).all(), "what was whole before can be read"


@pytest.mark.parametrize(
    "where", ["record_rows", "Passes._called", "Passes._arrived", "Updates._ended", "Updates.after"]
)
def test_an_error_of_our_own_is_one_warning_and_training_goes_on(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nncore.recorders.torch import recorder as module

    model, optimizer = made()
    alone = trained(None, model, optimizer)

    def broken(*arguments: Any) -> None:
        raise KeyError("ours")

    owner, _, name = where.rpartition(".")
    monkeypatch.setattr(getattr(module, owner) if owner else module, name, broken)
    model, optimizer = made()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with record(model, optimizer, every=2, path=tmp_path / "run.arrows") as recorder:
            found = trained(recorder, model, optimizer)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, alone, strict=True))
    assert [str(each.message).count("training goes on: KeyError: 'ours'") for each in caught] == [1]
    assert not Recorded.open(tmp_path / "run.arrows").finished
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


# Several, copies -----------------------------------------------------------------------------------------------------


def test_two_recorders_of_one_model_record_the_same(tmp_path: Path) -> None:
    model, optimizer = made()
    alone = trained(None, model, optimizer)
    model, optimizer = made()
    with (
        record(model, optimizer, every=2, path=tmp_path / "two.arrows") as two,
        record(model, optimizer, every=3, path=tmp_path / "three.arrows") as three,
    ):
        for recorder in (two, three):
            recorder.log(1.0)
        found = trained(two, model, optimizer)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, alone, strict=True))
    runs = [Recorded.open(tmp_path / f"{name}.arrows") for name in ("two", "three")]
    assert [run.steps.tolist() for run in runs] == [[0, 2, 4], [0, 3]]
    for name in ("delta_norm", "gradient_norm", "update_norm", "activation_std"):
        np.testing.assert_array_equal(runs[0].quantity(name)[0], runs[1].quantity(name)[0])


def test_one_model_after_the_other_and_one_recording_after_the_other(tmp_path: Path) -> None:
    model, optimizer = made()
    for number in range(2):
        with record(model, optimizer, every=1, path=tmp_path / f"{number}.arrows") as recorder:
            trained(recorder, model, optimizer, 3)
        assert Recorded.open(tmp_path / f"{number}.arrows").steps.tolist() == [0, 1, 2]


def test_a_model_saved_while_it_is_recorded_opens_without_nncore(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(8, 3), nn.Tanh())
    optimizer = torch.optim.Adam(model.parameters())
    with record(model, optimizer, every=1, path=tmp_path / "run.arrows"):
        torch.save(model, tmp_path / "model.pt")
        (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    text = f"""
import pickle, sys, torch
sys.modules["nncore"] = None
for model in (torch.load({str(tmp_path / "model.pt")!r}, weights_only=False),
              pickle.load(open({str(tmp_path / "model.pickle")!r}, "rb"))):
    print(model(torch.ones(2, 8)).shape)
"""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout.splitlines() == ["torch.Size([2, 3])"] * 2, done.stderr[-2000:]


def test_a_long_run_keeps_fewer_distributions_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nncore.recorders.torch import recorder as module

    monkeypatch.setattr(module, "SPARSER_FROM", 4)
    model, optimizer = made()
    with record(model, optimizer, every=1, path=tmp_path / "run.arrows") as recorder:
        trained(recorder, model, optimizer, 20)
    recorded = Recorded.open(tmp_path / "run.arrows")
    kept = recorded.has_distribution("delta_octaves")
    assert np.flatnonzero(kept).tolist() == [0, 1, 2, 3, 4, 6, 8, 12, 16]
    assert len(recorded.steps) == 20 and np.isfinite(recorded.quantity("delta_norm")).all()
    assert any("not every record keeps its distributions" in each for each in recorded.caveats)


def test_importing_the_recorder_needs_no_pytorch(tmp_path: Path) -> None:
    text = "import sys; sys.modules['torch'] = None; from nncore.recorders.torch import record; print(record.__name__)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout == "record\n", done.stderr


def test_the_last_bits_of_a_step_are_not_held_by_the_recorder(tmp_path: Path) -> None:
    import weakref

    model, optimizer = made()
    kept = []
    model[2].register_forward_hook(lambda module, arguments, output: kept.append(weakref.ref(output)))
    with record(model, optimizer, every=1, path=tmp_path / "run.arrows") as recorder:
        trained(recorder, model, optimizer, 2)
        assert len(kept) == 2 and all(each() is None for each in kept)
