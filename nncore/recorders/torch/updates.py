"""Parameters at a recorded step: gradients at the end of backward and as the optimizer got them, weights before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from nncore.recorders.torch.hooks import Hook
from nncore.recorders.torch.model import Parts
from nncore.recorders.torch.passes import backward_number
from nncore.recorders.torch.tensors import norms, sample, values_of

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

WHOLE, PART = 262_144, 65_536
"""A parameter of at most WHOLE entries is copied whole before its update, of a larger one PART entries."""


@dataclass(frozen=True)
class Gradient:
    """A gradient's norm and a sample of its values, on the device, times `scale` where there is one; its entries."""

    norm: Tensor
    values: Tensor
    size: int
    dtype: Any
    scale: Tensor | None


@dataclass
class Weight:
    """A parameter before its update, and the update; `share`: entries of it over those that were copied."""

    norm: Tensor
    copied: Tensor
    values: Tensor
    size: int
    learning_rate: Any
    share: float = 1.0
    update: Tensor | None = None
    update_values: Tensor | None = None


class Updates:
    """The parameters of one recorded step, from `watch` to `stop`.

    `scale`: gives the gradient scaler's scale, None without one.
    """

    def __init__(self, parts: Parts, scale: Callable[[], Tensor | None], failed: Callable[[Exception], None]) -> None:
        self.parts, self.scale, self.failed = parts, scale, failed
        self.gradients: dict[int, Gradient] = {}
        self.used: dict[int, Gradient] = {}
        self.weights: dict[int, Weight] = {}
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
        self.gradients = self._taken(self.parts.parameters, self.scale())

    def _taken(self, units: Iterable[int], scale: Tensor | None) -> dict[int, Gradient]:
        """The gradients of these parameters as they are now; of none where there is none."""
        here = [unit for unit in units if self.parts.parameters[unit].grad is not None]
        values = [values_of(self.parts.parameters[unit].grad) for unit in here]
        filled = [place for place, each in enumerate(values) if each.numel()]
        here, values = [here[place] for place in filled], [values[place] for place in filled]
        scale = None if scale is None else scale.clone()
        return {
            unit: Gradient(norm, sample(each), each.numel(), each.dtype, scale)
            for unit, norm, each in zip(here, norms(values), values, strict=True)
        }

    def before(self, optimizer: Optimizer, has_closure: bool) -> None:
        """The optimizer is about to step; with a closure its gradients do not exist yet."""
        rates = {
            self._units[id(parameter)]: group.get("lr")
            for group in optimizer.param_groups
            for parameter in group["params"]
            if id(parameter) in self._units and parameter.numel()
        }
        tensors = {unit: self.parts.parameters[unit].detach() for unit in rates}
        for unit, norm in zip(tensors, norms(list(tensors.values())), strict=True):
            tensor = tensors[unit]
            copied = _copy(tensor)
            self.weights[unit] = Weight(
                norm, copied, sample(tensor), tensor.numel(), rates[unit], share=tensor.numel() / copied.numel()
            )
        if not has_closure:
            self._take_used(optimizer, list(rates))

    def _take_used(self, optimizer: Optimizer, units: list[int]) -> None:
        scale = getattr(
            optimizer, "grad_scale", None
        )  # a fused optimizer gets scaled gradients and divides them itself
        self.used |= self._taken(units, scale)

    def after(self, optimizer: Optimizer, has_closure: bool) -> None:
        """The optimizer has stepped."""
        units = [
            self._units[id(parameter)]
            for group in optimizer.param_groups
            for parameter in group["params"]
            if self._units.get(id(parameter)) in self.weights
        ]
        updates = []
        for unit in units:
            weight, tensor = self.weights[unit], self.parts.parameters[unit].detach()
            updates.append(_copy(tensor).sub_(weight.copied))
            weight.update_values = sample(tensor).sub_(weight.values)
        for unit, norm in zip(units, norms(updates), strict=True):
            self.weights[unit].update = norm
        if has_closure:
            self._take_used(optimizer, units)


def _copy(tensor: Tensor) -> Tensor:
    """All entries of a parameter, or PART of a large one's, flat."""
    return sample(tensor, tensor.numel() if tensor.numel() <= WHOLE else PART)
