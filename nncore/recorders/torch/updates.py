"""Parameters at a recorded step: gradients at the end of backward and as the optimizer got them, weights before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from nncore.recorders.torch.hooks import Hook
from nncore.recorders.torch.model import Parts
from nncore.recorders.torch.passes import backward_number
from nncore.recorders.torch.tensors import Samples, norms, picked, values_of

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

WHOLE, PART = 262_144, 65_536
"""A parameter of at most WHOLE entries is copied whole before its update, of a larger one PART entries."""


@dataclass
class Gradients:
    """Norms of some parameters' gradients and samples of their values, on the device, times `scale` where there is one."""

    units: list[int]
    norms: list[Tensor]
    values: Samples
    sizes: list[int]
    dtypes: list[Any]
    scale: Tensor | None


@dataclass
class Weights:
    """Some parameters before their update, and then the update; `shares`: entries of each over those that were copied."""

    units: list[int]
    rates: list[Any]
    norms: list[Tensor]
    copies: list[Tensor]
    values: Samples
    sizes: list[int]
    shares: list[float]
    updates: list[Tensor] | None = None
    update_values: Samples | None = None


class Updates:
    """The parameters of one recorded step, from `watch` to `stop`.

    `scale`: gives the gradient scaler's scale, None without one.
    """

    def __init__(self, parts: Parts, scale: Callable[[], Tensor | None], failed: Callable[[Exception], None]) -> None:
        self.parts, self.scale, self.failed = parts, scale, failed
        self.gradients: Gradients | None = None
        self.used: dict[int, Gradients] = {}
        """By the optimizer that got them."""
        self.weights: dict[int, Weights] = {}
        """By the optimizer that moves them."""
        self.finished: set[int] = set()
        """Numbers of the backward passes that have ended."""
        self._units = {id(parameter): unit for unit, parameter in parts.parameters.items()}
        self._hooks: list[Any] = []
        self._task: int | None = None

    def watch(self) -> None:
        """Wait for gradients."""
        for parameter in self.parts.parameters.values():
            if parameter.requires_grad:
                self._hooks.append(parameter.register_post_accumulate_grad_hook(Hook(self._accumulated, self.failed)))

    def stop(self) -> None:
        """Take every hook off."""
        for each in self._hooks:
            each.remove()
        self._hooks.clear()

    @property
    def has_no_gradient(self) -> bool:
        """Is there none on any parameter, as after zero_grad?"""
        return all(parameter.grad is None for parameter in self.parts.parameters.values())

    def _accumulated(self, parameter: nn.Parameter) -> None:
        """Ask to be called when this backward pass has ended, and then once more: behind DDP, which asks at its end."""
        import torch

        task = backward_number()
        if task != self._task:
            self._task = task
            queue = torch.autograd.Variable._execution_engine.queue_callback
            ended = Hook(partial(self._ended, task), self.failed)
            queue(partial(queue, ended))

    def _ended(self, task: int) -> None:
        self.finished.add(task)
        scale = self.scale()
        self.gradients = self._taken(self.parts.parameters, None if scale is None else scale.clone())

    def _taken(self, units: Iterable[int], scale: Tensor | None) -> Gradients:
        """The gradients of these parameters as they are now; of none where there is none."""
        found: list[tuple[int, Tensor]] = []
        for unit in units:
            gradient = self.parts.parameters[unit].grad
            values = None if gradient is None else values_of(gradient)
            if values is not None and values.numel():
                found.append((unit, values))
        values_of_all = [values for _, values in found]
        return Gradients(
            [unit for unit, _ in found],
            norms(values_of_all),
            Samples.of(values_of_all),
            [values.numel() for values in values_of_all],
            [values.dtype for values in values_of_all],
            scale,
        )

    def before(self, optimizer: Optimizer, has_closure: bool) -> None:
        """The optimizer is about to step; with a closure its gradients do not exist yet."""
        rates = {
            self._units[id(parameter)]: group.get("lr")
            for group in optimizer.param_groups
            for parameter in group["params"]
            if id(parameter) in self._units and parameter.numel()
        }
        tensors = [self.parts.parameters[unit].detach() for unit in rates]
        copies = [_copied(tensor).clone() for tensor in tensors]
        self.weights[id(optimizer)] = Weights(
            list(rates),
            list(rates.values()),
            norms(tensors),
            copies,
            Samples.of(tensors),
            [tensor.numel() for tensor in tensors],
            [tensor.numel() / len(copy) for tensor, copy in zip(tensors, copies, strict=True)],
        )
        if not has_closure:
            self._take_used(optimizer)

    def _take_used(self, optimizer: Optimizer) -> None:
        if getattr(optimizer, "clips_inside", False):
            return
        scale = getattr(
            optimizer, "grad_scale", None
        )  # a fused optimizer gets scaled gradients and divides them itself
        units = self.weights[id(optimizer)].units
        self.used[id(optimizer)] = self._taken(units, None if scale is None else scale.clone())

    def after(self, optimizer: Optimizer, has_closure: bool) -> None:
        """The optimizer has stepped."""
        import torch

        weights = self.weights.get(id(optimizer))
        if weights is None:
            return
        tensors = [self.parts.parameters[unit].detach() for unit in weights.units]
        if tensors:
            updates = torch._foreach_sub([_copied(tensor) for tensor in tensors], weights.copies)
            weights.updates = norms(updates)
        weights.update_values = Samples.of(tensors).minus(weights.values)
        weights.copies = []
        if has_closure:
            self._take_used(optimizer)


def _copied(tensor: Tensor) -> Tensor:
    """All entries of a parameter, or PART of a large one's, flat; a view but for 16-bit floats."""
    return picked(tensor, tensor.numel() if tensor.numel() <= WHOLE else PART)
