"""What is computed of a tensor where it lies: sums, norms, extrema, a strided sample; and one transfer of them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from math import gcd, prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE = 1024
"""Values of a tensor that its distribution is taken from; all of a smaller one."""


@cache
def stride(size: int, at_most: int = SAMPLE) -> int:
    """Every how-manyth entry is taken: at most so many, and never one column of a matrix only.

    It shares no divisor with the size, so that it walks through the rows at every place.

    >>> stride(1000), stride(4096), stride(1_000_000)
    (1, 5, 977)
    """
    step = -(-size // at_most)
    while gcd(step, size) > 1 and step > 1:
        step += 1
    return step


def plain(value: Any) -> bool:
    """Is it a dense tensor of floats with values: none that is symbolic, wrapped by a transform, nested or empty?"""
    import torch

    return (
        isinstance(value, torch.Tensor)
        and value.is_floating_point()
        and value.layout is torch.strided
        and not value.is_nested
        and value.device.type != "meta"
        and type(value) in (torch.Tensor, torch.nn.Parameter)
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


def sample(tensor: Tensor, at_most: int = SAMPLE) -> Tensor:
    """A copy of at most so many entries, (n,), evenly strided; 16-bit floats as float32."""
    import torch

    picked = flat(tensor)[:: stride(tensor.numel(), at_most)]
    return picked.clone() if picked.dtype in (torch.float32, torch.float64) else picked.to(torch.float32)


def wide(tensor: Tensor) -> Any:
    """The type that sums of a tensor are computed in: its own, float32 for 16 bits."""
    import torch

    return tensor.dtype if tensor.dtype in (torch.float32, torch.float64) else torch.float32


def norm(tensor: Tensor) -> Tensor:
    """The Euclidean norm as a tensor without axes, in `wide`."""
    import torch

    return torch.linalg.vector_norm(tensor, dtype=wide(tensor))


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
    """The tensors as arrays on the host, float32 or float64, in one transfer a device."""
    import torch

    found: list[Any] = [None] * len(tensors)
    devices: dict[Any, list[int]] = {}
    for place, tensor in enumerate(tensors):
        devices.setdefault(tensor.device, []).append(place)
    for places in devices.values():
        parts: list[tuple[int, Tensor]] = []
        singles: dict[Any, list[int]] = {}
        for place in places:
            if tensors[place].dim() == 0:
                singles.setdefault(tensors[place].dtype, []).append(place)
            else:
                parts.append((place, tensors[place].reshape(-1)))
        stacked = [(group, torch.stack([tensors[place] for place in group])) for group in singles.values()]
        pieces = [part for _, part in parts] + [part for _, part in stacked]
        content = torch.cat([piece.contiguous().view(torch.uint8) for piece in pieces]).cpu().numpy()
        arrays = _cut(content, pieces)
        for (place, tensor), array in zip(parts, arrays, strict=False):
            found[place] = array.reshape(tuple(tensors[place].shape)) if tensor.numel() else array
        for (group, _), array in zip(stacked, arrays, strict=True):
            for place, value in zip(group, array, strict=True):
                found[place] = value
    return found


def _cut(content: NDArray[np.uint8], pieces: Sequence[Tensor]) -> Iterator[NDArray[Any]]:
    begin = 0
    for piece in pieces:
        end = begin + piece.numel() * piece.element_size()
        yield content[begin:end].copy().view(str(piece.dtype).removeprefix("torch."))
        begin = end


def size_of(shape: Sequence[int]) -> int:
    """Entries of a tensor of this shape."""
    return prod(shape)
