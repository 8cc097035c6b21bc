"""What is computed of a tensor where it lies: sums, norms, extrema, a strided sample; and one transfer of them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore.recorders.samples import SAMPLE, stride

if TYPE_CHECKING:
    from torch import Tensor


def plain(value: Any) -> bool:
    """Is it a dense tensor of floats with values: none that is symbolic, wrapped by a transform, nested or empty?"""
    import torch

    return (
        type(value) in (torch.Tensor, torch.nn.Parameter)
        and value.is_floating_point()
        and value.layout is torch.strided
        and not value.is_nested
        and not value.is_meta
        and not torch._C._functorch.is_functorch_wrapped_tensor(value)
        and value.numel() > 0
    )


def first_tensor(output: Any) -> Tensor | None:
    """The first plain tensor in what a module returned: itself, or in a tuple, list, mapping or dataclass."""
    if plain(output):
        found: Tensor = output
        return found
    parts: Iterable[Any] = ()
    if isinstance(output, (tuple, list)):
        parts = output
    elif isinstance(output, Mapping):
        parts = output.values()
    elif is_dataclass(output) and not isinstance(output, type):
        parts = (getattr(output, each.name) for each in fields(output))
    return next((found for part in parts if (found := first_tensor(part)) is not None), None)


def flat(tensor: Tensor) -> Tensor:
    """The entries as one axis, in the order in which they lie in memory, without a copy where they lie densely."""
    if not tensor.is_contiguous():
        order = sorted(range(tensor.dim()), key=lambda axis: -tensor.stride(axis))
        tensor = tensor.permute(order)
    return tensor.reshape(-1)


def picked(tensor: Tensor, at_most: int = SAMPLE) -> Tensor:
    """At most so many entries, (n,), evenly strided; a view where they lie densely, and of 16-bit floats a copy as float32."""
    import torch

    size = tensor.numel()
    values = flat(tensor)
    if size > at_most:
        values = values[:: stride(size, at_most)]
    return values if values.dtype in (torch.float32, torch.float64) else values.to(torch.float32)


def sample(tensor: Tensor) -> Tensor:
    """A copy of at most SAMPLE entries, (n,), evenly strided; 16-bit floats as float32."""
    values = picked(tensor)
    return values.clone() if values.dtype == tensor.dtype else values


@dataclass
class Samples:
    """Samples of many tensors, copied in one go: for each device and type one tensor, and whose sample lies where in it."""

    parts: list[tuple[Tensor, list[tuple[int, int]]]]

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> Samples:
        """Of each tensor at most SAMPLE entries."""
        import torch

        groups: dict[Any, list[tuple[int, Tensor]]] = {}
        for place, tensor in enumerate(tensors):
            values = picked(tensor)
            groups.setdefault((values.device, values.dtype), []).append((place, values))
        return cls(
            [
                (torch.cat([values for _, values in group]), [(place, len(values)) for place, values in group])
                for group in groups.values()
            ]
        )

    def minus(self, other: Samples) -> Samples:
        """The differences to samples of the same tensors at another time."""
        pairs = zip(self.parts, other.parts, strict=True)
        return Samples([(mine - theirs, places) for (mine, places), (theirs, _) in pairs])

    def arrays(self, fetched: Iterable[NDArray[Any]]) -> list[NDArray[Any]]:
        """The sample of each tensor, once the parts are on the host."""
        found: dict[int, NDArray[Any]] = {}
        for (_, places), array in zip(self.parts, fetched, strict=True):
            ends = np.cumsum([length for _, length in places])
            for (place, _), values in zip(places, np.split(array, ends[:-1]), strict=True):
                found[place] = values
        return [found[place] for place in range(len(found))]


def wide(tensor: Tensor) -> Any:
    """The type that sums of a tensor are computed in: its own, float32 for 16 bits."""
    import torch

    return tensor.dtype if tensor.dtype in (torch.float32, torch.float64) else torch.float32


def norm(tensor: Tensor) -> Tensor:
    """The Euclidean norm as a tensor without axes, in `wide`."""
    import torch

    return torch.linalg.vector_norm(tensor, dtype=wide(tensor))


def one_number(tensor: Tensor) -> Tensor:
    """A tensor of one entry without axes, float32 or float64."""
    return tensor.detach().reshape(()).to(wide(tensor))


def norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """`norm` of each, in one call for each device and type."""
    import torch

    found: list[Any] = [None] * len(tensors)
    groups: dict[Any, list[int]] = {}
    for place, tensor in enumerate(tensors):
        groups.setdefault((tensor.device, tensor.dtype), []).append(place)
    for places in groups.values():
        group = [tensors[place] for place in places]
        for place, each in zip(places, torch._foreach_norm(group, 2, dtype=wide(group[0])), strict=True):
            found[place] = each
    return found


def values_of(gradient: Tensor) -> Tensor:
    """A gradient's values: of a sparse one, such as an embedding's, those that are there."""
    import torch

    gradient = gradient.detach()
    return gradient.coalesce()._values() if gradient.layout is torch.sparse_coo else gradient


def fetched(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    """Tensors of no or one axis as arrays on the host, in one transfer a device."""
    found: list[Any] = [None] * len(tensors)
    devices: dict[Any, list[int]] = {}
    for place, tensor in enumerate(tensors):
        if tensor.device.type == "cpu" and tensor.dim():
            found[place] = tensor.numpy()
        else:
            devices.setdefault(tensor.device, []).append(place)
    for places in devices.values():
        _fetch(tensors, places, found)
    return found


def _fetch(tensors: Sequence[Tensor], places: list[int], found: list[Any]) -> None:
    """Those at these places, all on one device: joined by type, then as bytes."""
    import torch

    groups: dict[Any, list[int]] = {}
    for place in places:
        groups.setdefault((tensors[place].dtype, tensors[place].dim()), []).append(place)
    joined = [(torch.cat if axes else torch.stack)([tensors[k] for k in group]) for (_, axes), group in groups.items()]
    content = torch.cat([each.view(torch.uint8) for each in joined]).cpu().numpy()
    begin = 0
    for ((dtype, axes), group), each in zip(groups.items(), joined, strict=True):
        end = begin + each.numel() * each.element_size()
        array = content[begin:end].copy().view(str(dtype).removeprefix("torch."))
        begin = end
        lengths = [tensors[place].numel() if axes else 1 for place in group]
        for place, values in zip(group, np.split(array, np.cumsum(lengths)[:-1]) if axes else array, strict=True):
            found[place] = values
