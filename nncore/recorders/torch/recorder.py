"""The life of a recording: which steps are recorded, when their numbers are complete, and how it ends."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from nncore.recorders.recorded import compact
from nncore.recorders.stream import StreamWriter, checked_every, checked_path
from nncore.recorders.torch.hooks import Hook
from nncore.recorders.torch.model import Parts, parts_of
from nncore.recorders.torch.passes import Call, Pass, Passes
from nncore.recorders.torch.rows import record_rows
from nncore.recorders.torch.updates import Updates
from nncore.recorders.units import LONGEST_TEXT, Header

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.amp import GradScaler
    from torch.optim import Optimizer

SPARSER_FROM = 1000
"""Records after which only every other one keeps its distributions; every fourth from twice as many, and so on."""

COMPILED = "Activations and δ are missing: the model is compiled, and hooks on its modules would break what was compiled into pieces."


def record(
    model: nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    every: int = 10,
    path: str | os.PathLike[str] = "run.arrows",
    scaler: GradScaler | None = None,
) -> Recorder:
    """Record a training without changing it: a context manager around the loop.

        with record(model, optimizer, every=10, path="run.arrows") as recorder:
            for x, y in loader:
                loss = criterion(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.log(loss)

    At every `every`th step of the optimizer, the first among them: per module statistics of its output and of δ, per
    parameter its gradient before and after clipping, its norm and its update (`RECORDED_QUANTITIES` lists them). Losses
    and weights are the same bits as without. Steps between cost two calls of an optimizer's hook.

    `optimizer`: one or several; a step is over when each has stepped. `path`: a new file, which can be read at any time,
    by `Recorded.open` or `nncore diagnose`; on leaving, the same is written as Parquet beside it. `scaler`: the gradient
    scaler, so that its scale is divided out. log(loss) is optional.

    Raises ValueError, one sentence, for a model under FSDP or DataParallel, and FileExistsError where there is such a
    file already. What goes wrong later in recording itself is one warning: recording ends and training goes on.
    """
    import torch

    optimizers = tuple(optimizer) if isinstance(optimizer, (list, tuple)) else (optimizer,)
    for each in optimizers:
        if not isinstance(each, torch.optim.Optimizer):
            raise ValueError(f"optimizer must be a torch.optim.Optimizer or several; got {type(each).__name__}")
    if not optimizers:
        raise ValueError("optimizer must be a torch.optim.Optimizer or several; got none")
    if scaler is not None and not hasattr(scaler, "get_scale"):
        raise ValueError(f"scaler must be a torch.amp.GradScaler; got {type(scaler).__name__}")
    return Recorder(parts_of(model, optimizers), optimizers, every, path, scaler)


class Recorder:
    """A recording, made by `record` or by a framework's callback; `start` and `close` are what `with` calls.

    `framework`: what trains, PyTorch by default. `caveats`: what a reader has to know. `whole`: the modules are watched
    all the time, because the model's own forward is not called.
    """

    def __init__(
        self,
        parts: Parts,
        optimizers: Sequence[Any],
        every: int,
        path: str | os.PathLike[str],
        scaler: GradScaler | None = None,
        framework: str = "",
        caveats: Sequence[str] = (),
        whole: bool = False,
    ) -> None:
        import torch

        self.path = checked_path(path)
        self._optimizers = tuple(optimizers)
        self._every, self._scaler = checked_every(every), scaler if scaler is not None and scaler.is_enabled() else None
        self._parts = parts
        self._units = list(self._parts.units)
        self._caveats = [*caveats, *([COMPILED] if self._parts.is_compiled else [])]
        self._framework = framework or f"torch {torch.__version__}"
        self.step = 0
        """Steps that the optimizers have taken."""
        self._stepped: set[int] = set()
        self._skipped: Any = 0.0
        self._expected_scale: Tensor | None = None
        """The scale at the next step if none is skipped until then."""
        self._pass_scale: float | None = None
        self._n_called, self._n_records = 0, 0
        self._losses: list[Any] = []
        self._logs_early: bool | None = None
        self._whole = whole
        self._passes: Passes | None = None
        self._updates: Updates | None = None
        self._pending: tuple[int, list[Pass], Updates, dict[str, Any]] | None = None
        self._writer: StreamWriter | None = None
        self._hooks: list[Any] = []
        self._began: float | None = None
        self._has_failed = False

    # From beginning to end -------------------------------------------------------------------------------------------

    def start(self) -> Recorder:
        """Open the file and wait for the first step; a disk that is full already is a warning, and nothing is recorded.

        Raises FileExistsError where the file, or its Parquet file, is there.
        """
        if self._began is not None:
            raise ValueError("this recording has been started already: call record again, with another path")
        self._writer = StreamWriter(self.path)
        self._began = time.monotonic()
        try:
            self._writer.flush(self._header())
        except OSError as error:
            self._fail(error)
            return self
        for each in self._optimizers:
            self._hooks.append(each.register_step_pre_hook(Hook(self._before, self._fail)))
            self._hooks.append(each.register_step_post_hook(Hook(self._after, self._fail)))
        self._expected_scale = self._scale(clone=True)
        self._arm()
        return self

    def log(self, loss: Any) -> None:
        """Tell the loss of the step at hand, before or after the optimizer's step; of several the mean is kept.

        `loss`: a number or a tensor of one; raises ValueError on anything else.
        """
        if getattr(loss, "numel", lambda: 1)() != 1:
            raise ValueError(f"loss must be one number; got a tensor of shape {tuple(loss.shape)}")
        try:
            loss = loss.detach().clone() if hasattr(loss, "detach") else float(loss)
        except (TypeError, ValueError):
            raise ValueError(f"loss must be a number or a tensor of one; got {type(loss).__name__}") from None
        if self._writer is None:
            return
        try:
            pending = self._pending
            if self._is_begun():
                self._losses.append(loss)
            elif pending is not None and pending[0] == self.step - 1 and not pending[3]["loss"]:
                pending[3]["loss"] = [loss]
                self._finish()
        except Exception as error:
            self._fail(error)

    def _is_begun(self) -> bool:
        """Has the step that is watched begun, so that a loss is its own and not that of the step before?"""
        passes, updates = self._passes, self._updates
        if passes is None or updates is None:
            return False
        begun = bool(updates.finished) or any(each.calls for each in passes.passes)
        if self._logs_early is None:
            self._logs_early = self.step == 0 and not begun  # of a compiled model nothing is seen before its gradients
        return begun or self._logs_early

    def close(self, ended: str = "") -> None:
        """Take off every hook, write what is left, and the whole as Parquet beside the file. `ended`: an error's text."""
        if self._writer is None:
            return
        try:
            self._finish()
            writer, self._writer = self._writer, None
            self._stop()
            writer.close(replace(self._header(), finished=True, ended=ended[:LONGEST_TEXT]))
            compact(self.path, self.path.with_suffix(".parquet"))
        except Exception as error:
            self._fail(error)

    def __enter__(self) -> Recorder:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close("" if kind is None else f"{kind.__name__}: {error}")

    def _stop(self) -> None:
        for each in self._hooks:
            each.remove()
        self._hooks.clear()
        self._disarm()

    def _disarm(self) -> None:
        if self._passes is not None:
            self._passes.stop()
        if self._updates is not None:
            self._updates.stop()
        self._passes = self._updates = None

    def _fail(self, error: Exception) -> None:
        """End recording on an error of its own, with one warning; training goes on."""
        if self._has_failed:
            return
        self._has_failed = True
        writer, self._writer = self._writer, None
        self._stop()
        self._pending = None
        if writer is not None:
            writer.abandon()
        warnings.warn(
            f"recording to {self.path} ended at step {self.step:,}, and training goes on: {type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=3,
        )

    # One step --------------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Watch the step that comes."""
        self._losses = []
        self._updates = Updates(self._parts, self._scale, self._fail)
        self._passes = Passes(
            self._parts, self._whole, self._fail, self._first_called, self._at_forward, self._at_backward
        )
        self._updates.watch()
        if not self._parts.is_compiled:
            self._passes.watch()

    def _first_called(self, unit: int, call: Call, followed: int | None) -> None:
        known = self._units[unit]
        if known.order < 0:
            self._units[unit] = replace(
                known,
                order=self._n_called,
                shape=call.shape,
                dtype=str(call.dtype).removeprefix("torch."),
                follows="" if followed is None else self._units[followed].name,
            )
            self._n_called += 1

    def _at_forward(self) -> None:
        """A forward pass begins. Another scale than in the passes before: the scaler has skipped their step."""
        if self._scaler is None or self._passes is None:
            return
        scale = self._scaler.get_scale()
        if self._pass_scale is not None and scale != self._pass_scale:
            self._passes.drop(lambda each: each.is_used)
            self._losses.clear()
        self._pass_scale = scale

    def _at_backward(self, task: int) -> None:
        """A backward pass begins. No gradients, though some had arrived: they were thrown away, and their passes count no more."""
        passes, updates = self._passes, self._updates
        if passes is None or updates is None:
            return
        if updates.finished and updates.has_no_gradient:
            passes.drop(lambda each: each.is_used and each.tasks <= updates.finished)

    def _before(self, optimizer: Optimizer, arguments: Any, named: Any) -> None:
        if self._scaler is not None:
            self._count_skipped(optimizer)
        if self._updates is not None:
            self._updates.before(optimizer, _has_closure(arguments, named))

    def _after(self, optimizer: Optimizer, arguments: Any, named: Any) -> None:
        if self._updates is not None:
            self._updates.after(optimizer, _has_closure(arguments, named))
        self._stepped.add(id(optimizer))
        if len(self._stepped) < len(self._optimizers):
            return
        self._stepped.clear()
        self._finish()
        if self._updates is not None:
            self._complete()
        self.step += 1
        if self.step % self._every == 0:
            self._arm()
        if self._writer is not None and self._writer.is_due:
            self._writer.flush(self._header())

    def _complete(self) -> None:
        """All optimizers have stepped: keep what was seen until its loss has been told, or the next step is over."""
        passes, updates = self._passes, self._updates
        assert passes is not None and updates is not None
        used = passes.used()
        if not used and updates.gradients is not None and not self._parts.is_compiled:
            self._whole = True  # the model's own forward is never called: watch its modules all the time
        facts = {
            "loss": self._losses,
            "learning_rate": self._optimizers[0].param_groups[0].get("lr"),
            "seconds": time.monotonic() - (self._began or 0.0),
            "scale": self._scale(clone=True),
            "skipped": self._skipped,
        }
        self._pending = (self.step, used, updates, facts)
        self._disarm()

    def _finish(self) -> None:
        """Fetch the numbers of the step that waits, in one transfer, and hand them to the file."""
        if self._pending is None or self._writer is None:
            return
        (step, passes, updates, facts), self._pending = self._pending, None
        distributions = self._n_records % _sparseness(self._n_records) == 0
        self._writer.append(record_rows(self._parts, step, passes, updates, facts, distributions).rows())
        self._n_records += 1
        if self._n_records == SPARSER_FROM:
            self._caveats.append(f"From record {SPARSER_FROM:,} on not every record keeps its distributions.")
        if self._writer.is_due:
            self._writer.flush(self._header())

    def _header(self) -> Header:
        orders = {unit.name: unit.order for unit in self._units if unit.role == "module"}
        units = tuple(
            replace(unit, order=orders.get(unit.module, -1)) if unit.role == "parameter" else unit
            for unit in self._units
        )
        return Header(units, self._framework, self._every, tuple(self._caveats))

    # The scaler ------------------------------------------------------------------------------------------------------

    def _scale(self, clone: bool = False) -> Tensor | None:
        """The scaler's scale where it lies; None without a scaler, or before its first use."""
        scale: Tensor | None = getattr(self._scaler, "_scale", None)
        return scale.clone() if clone and scale is not None else scale

    def _count_skipped(self, optimizer: Optimizer) -> None:
        """Each skipped step multiplies the scale by the backoff factor: how often since the last step, without a transfer."""
        scaler, scale = self._scaler, self._scale(clone=True)
        if scaler is None or scale is None:
            return
        expected, backoff = self._expected_scale, scaler.get_backoff_factor()
        if expected is None:
            expected = scale.new_full((), getattr(scaler, "_init_scale", 1.0))
        if 0 < backoff < 1:
            times = (scale / expected).log() / math.log(backoff)
            self._skipped = self._skipped + times.round().clamp(min=0)
        tracker, overflow = getattr(scaler, "_growth_tracker", None), getattr(optimizer, "found_inf", None)
        if tracker is not None:
            grows = tracker + 1 >= scaler.get_growth_interval()
            if overflow is not None:
                grows = grows & (overflow == 0)  # a fused optimizer is called all the same, and skips inside
            scale = scale.where(~grows, scale * scaler.get_growth_factor())
        self._expected_scale = scale


def _has_closure(arguments: Any, named: Any) -> bool:
    """Was step called with a closure? PyTorch hands the hook the optimizer first, then what step was called with."""
    return (
        any(callable(each) and not hasattr(each, "param_groups") for each in arguments)
        or named.get("closure") is not None
    )


def _sparseness(n_records: int) -> int:
    """Every how-manyth record keeps its distributions after so many."""
    return 1 << max(0, (n_records // SPARSER_FROM).bit_length())
