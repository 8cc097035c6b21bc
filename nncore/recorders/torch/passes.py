"""Forward passes of a recorded step: what each module put out, and the gradient that came back to it.

A pass counts when a gradient arrives in it: an evaluation in between, with or without no_grad, does not. Hooks are on the
modules only inside the model's own forward.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

from nncore.recorders.torch.hooks import Hook
from nncore.recorders.torch.model import ONE_SIDED, Parts
from nncore.recorders.torch.tensors import SAMPLE, first_tensor, norm, plain, sample, wide

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST_PENDING = 16
"""Passes that wait for their gradient at most: older ones were evaluations."""

MOST_SAMPLES = 4
"""Calls of a module in a pass, and passes of a step, whose values are kept for its distributions."""

MOST_USED = 8
"""Passes of a step that are kept apart; of more, the older ones are put together."""

MOST_CALLS = 4096
"""Calls of a module in one pass that are kept."""


class Call:
    """One call of a module: statistics of its output on its device, and of the gradient that came back.

    A tensor of at most SAMPLE entries is kept whole instead: its statistics are taken from that, exactly.
    """

    __slots__ = (
        "deltas",
        "dtype",
        "high",
        "largest",
        "low",
        "mean",
        "needs_gradient",
        "norm",
        "shape",
        "size",
        "values",
        "values_of_deltas",
    )

    def __init__(self, output: Tensor, unit_axis: int | None, keep_values: bool) -> None:
        import torch

        self.needs_gradient = output.requires_grad
        output = output.detach()
        self.size, self.shape, self.dtype = output.numel(), tuple(output.shape), output.dtype
        self.deltas: list[Tensor | None] = []
        self.values_of_deltas: list[Tensor] = []
        self.mean: Tensor | None = None
        self.norm: Tensor | None = None
        self.low: Tensor | None = None
        self.high: Tensor | None = None
        self.largest: Tensor | None = None
        self.values = sample(output) if keep_values or self.size <= SAMPLE else None
        if self.size > SAMPLE:
            self.mean, self.norm = output.mean(dtype=wide(output)), norm(output)
            self.low, self.high = (each.to(wide(output)) for each in torch.aminmax(output))
        if unit_axis is not None:
            axes = [axis for axis in range(output.dim()) if axis != unit_axis]
            self.largest = output.amax(axes) if axes else output

    def take_gradient(self, gradient: Tensor) -> None:
        """Add the gradient of one backward pass through this call."""
        gradient = gradient.detach()
        small = self.size <= SAMPLE
        if small or len(self.values_of_deltas) < MOST_SAMPLES:
            self.values_of_deltas.append(sample(gradient))
        self.deltas.append(None if small else norm(gradient))

    @classmethod
    def together(cls, calls: Sequence[Call]) -> Call:
        """Several calls as one without values, so that many passes take the memory of a few."""
        import torch

        found = cls.__new__(cls)
        for call in calls:
            call.summarize()
        found.size, found.shape, found.dtype = sum(call.size for call in calls), calls[0].shape, calls[0].dtype
        found.needs_gradient, found.values, found.values_of_deltas = calls[0].needs_gradient, None, []
        means = [call.mean * (call.size / found.size) for call in calls if call.mean is not None]
        found.mean = torch.stack(means).sum()
        found.norm = reduce(torch.hypot, [call.norm for call in calls])
        found.low = reduce(torch.minimum, [call.low for call in calls])
        found.high = reduce(torch.maximum, [call.high for call in calls])
        units = [call.largest for call in calls if call.largest is not None]
        found.largest = reduce(torch.maximum, units) if len({len(each) for each in units}) == 1 else None
        deltas = [delta for call in calls for delta in call.deltas]
        found.deltas = [reduce(torch.hypot, deltas)] if deltas else []
        return found

    def summarize(self) -> None:
        """Take the statistics of a tensor that was kept whole, and keep its values no longer."""
        import torch

        if self.mean is None and self.values is not None:
            self.mean, self.norm = self.values.mean(), norm(self.values)
            self.low, self.high = torch.aminmax(self.values)
            self.deltas = [norm(values) for values in self.values_of_deltas]
        self.values, self.values_of_deltas = None, []


class Pass:
    """A forward pass: the calls of each unit, and the backward passes (by the number that autograd gives them) through it.

    `counts`: of each unit the passes that it stands for, where several were put together.
    """

    __slots__ = ("calls", "counts", "tasks")

    def __init__(self) -> None:
        self.calls: dict[int, list[Call]] = {}
        self.counts: dict[int, int] = {}
        self.tasks: set[int] = set()

    @classmethod
    def together(cls, passes: Sequence[Pass]) -> Pass:
        """Several passes as one."""
        found, calls = cls(), dict[int, list[Call]]()
        for each in passes:
            found.tasks |= each.tasks
            for unit, own in each.calls.items():
                found.counts[unit] = found.counts.get(unit, 0) + each.counts.get(unit, 1)
                calls.setdefault(unit, []).extend(own)
        found.calls = {unit: [Call.together(own)] for unit, own in calls.items()}
        return found

    @property
    def is_used(self) -> bool:
        """Did a gradient arrive?"""
        return bool(self.tasks)


class Passes:
    """The passes of one recorded step, from `watch` to `stop`.

    `whole`: the modules are watched all the time, for a model whose own forward is never called. `first_called`: told
    each unit, its call and the one it follows, as they come. `at_backward`: told when a backward pass begins.
    """

    def __init__(
        self,
        parts: Parts,
        whole: bool,
        failed: Callable[[Exception], None],
        first_called: Callable[[int, Call, int | None], None],
        at_forward: Callable[[], None],
        at_backward: Callable[[int], None],
    ) -> None:
        self.parts, self.whole, self.failed = parts, whole, failed
        self.first_called, self.at_forward, self.at_backward = first_called, at_forward, at_backward
        self.passes: list[Pass] = []
        self._on_root: list[Any] = []
        self._on_modules: list[Any] = []
        self._on_tensors: list[Any] = []
        self._depth = 0
        self._is_ignored = False
        self._may_recompute = False
        self._after_convolution = False
        self._latest: tuple[weakref.ref[Tensor], int, Call] | None = None
        self._outputs: dict[tuple[int, tuple[int, ...], int], int] = {}
        self._root_unit = next((unit for unit, module in parts.modules.items() if module is parts.root), None)

    def watch(self) -> None:
        """Wait for the next forward pass."""
        if self.whole:
            self._begin()
            return
        root = self.parts.root
        self._on_root.append(root.register_forward_pre_hook(Hook(self._enter, self.failed)))
        self._on_root.append(root.register_forward_hook(Hook(self._leave, self.failed), always_call=True))

    def stop(self) -> None:
        """Take every hook off."""
        for hooks in (self._on_root, self._on_modules, self._on_tensors):
            for each in hooks:
                each.remove()
            hooks.clear()

    def used(self) -> list[Pass]:
        """The passes that count, in order."""
        return [each for each in self.passes if each.is_used]

    def drop(self, unwanted: Callable[[Pass], bool]) -> None:
        """Forget passes whose gradient was thrown away."""
        self.passes = [each for each in self.passes if not unwanted(each)]

    # Forward ---------------------------------------------------------------------------------------------------------

    def _enter(self, module: nn.Module, arguments: Any) -> None:
        import torch

        self._depth += 1
        if self._depth == 1:
            self._is_ignored = not torch.is_grad_enabled()
            if not self._is_ignored:
                self._begin()

    def _leave(self, module: nn.Module, arguments: Any, output: Any) -> None:
        if self._depth == 1 and not self._is_ignored and self._root_unit is not None:
            self._called(self._root_unit, module, arguments, output)
        self._depth -= 1
        if self._depth == 0:
            self._is_ignored, self._latest = False, None
            self._outputs.clear()
            if not self._may_recompute:
                self._unhook_modules()

    def _begin(self) -> None:
        self.at_forward()
        waiting = [each for each in self.passes if not each.is_used]
        if len(waiting) >= MOST_PENDING:
            self.passes.remove(waiting[0])
        if len(used := self.used()) > MOST_USED:
            old = used[:-MOST_SAMPLES]
            self.passes = [Pass.together(old), *(each for each in self.passes if each not in old)]
        self.passes.append(Pass())
        if not self._on_modules:
            for unit, module in self.parts.modules.items():
                if unit != self._root_unit or self.whole:
                    hook = Hook(partial(self._called, unit), self.failed)
                    self._on_modules.append(module.register_forward_hook(hook))

    def _unhook_modules(self) -> None:
        for each in self._on_modules:
            each.remove()
        self._on_modules.clear()

    def _called(self, unit: int, module: nn.Module, arguments: Any, output: Any) -> None:
        import torch

        tensor = None if self._is_ignored or not self.passes else first_tensor(output)
        if tensor is None:
            return
        if not torch.is_grad_enabled():
            if self._depth == 0:
                return
            self._may_recompute = True  # as reentrant checkpointing does, in the backward pass
        again = self._depth == 0 and not self.whole
        if again and not tensor.requires_grad:
            return
        latest = self._latest
        before: Tensor | None = None if latest is None else latest[0]()
        if latest is not None and before is tensor and latest[1] == before._version:
            self._keep(unit, latest[2], self.passes[-1], again)  # a container returns what its last module did
            self.first_called(unit, latest[2], self._followed(module, arguments, type(module).__name__))
            return
        current = self.passes[-1]
        kind = type(module).__name__
        if next(module.parameters(recurse=False), None) is not None:
            self._after_convolution = kind.startswith(("Conv", "BatchNorm", "InstanceNorm", "GroupNorm"))
        axis = self._unit_axis(tensor) if kind in ONE_SIDED else None
        call = Call(tensor, axis, len(current.calls.get(unit, ())) < MOST_SAMPLES)
        call_pass = self._keep(unit, call, current, again)
        if call_pass is not None and tensor.requires_grad:
            self._on_tensors.append(tensor.register_hook(Hook(partial(self._arrived, call, call_pass), self.failed)))
        self._latest = (weakref.ref(tensor), tensor._version, call)
        self.first_called(unit, call, self._followed(module, arguments, kind))
        self._outputs[tensor.data_ptr(), tuple(tensor.shape), tensor._version] = unit

    def _keep(self, unit: int, call: Call, current: Pass, again: bool) -> Pass | None:
        """Put a call into its pass; a recomputed one takes the place of what was computed without gradients."""
        if not again:
            calls = current.calls.setdefault(unit, [])
            if len(calls) >= MOST_CALLS:
                return None
            calls.append(call)
            return current
        for each in reversed(self.passes):
            for place, old in enumerate(each.calls.get(unit, ())):
                if not old.needs_gradient:
                    each.calls[unit][place] = call
                    return each
        return None

    def _unit_axis(self, tensor: Tensor) -> int | None:
        """Where the units lie: channels of a picture, or of a sequence behind a convolution; otherwise the last axis."""
        if tensor.dim() < 2:
            return None
        if self.parts.channels_last:
            return tensor.dim() - 1
        return 1 if tensor.dim() > 3 or (tensor.dim() == 3 and self._after_convolution) else tensor.dim() - 1

    def _followed(self, module: nn.Module, arguments: Any, kind: str) -> int | None:
        """The unit whose output is this module's input as it stands."""
        if not (isinstance(arguments, tuple) and arguments and plain(arguments[0])):
            return None
        source = arguments[0]
        version = source._version - 1 if getattr(module, "inplace", False) is True else source._version
        return self._outputs.get((source.data_ptr(), tuple(source.shape), version))

    # Backward --------------------------------------------------------------------------------------------------------

    def _arrived(self, call: Call, own: Pass, gradient: Tensor) -> None:
        task = backward_number()
        if task not in own.tasks:
            self.at_backward(task)
            own.tasks.add(task)
        if plain(gradient):
            call.take_gradient(gradient)


def backward_number() -> int:
    """The number of the backward pass that is running; 0 where this PyTorch does not tell."""
    import torch

    tell = getattr(torch._C, "_current_graph_task_id", None)
    return int(tell()) if tell is not None else 0
