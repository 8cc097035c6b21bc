"""A PyTorch model -> its units by name; what cannot be recorded is refused here, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nncore.recorders.units import LONGEST_TEXT, MOST_UNITS, Unit

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

ONE_SIDED = ("ReLU", "ReLU6")
"""Modules whose units are dead where they put out 0 for every row."""

TWO_SIDED = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softsign": "softsign",
    "Hardtanh": "hard_tanh",
    "Hardsigmoid": "hard_sigmoid",
}
"""Modules whose output says where their φ is flat: class -> key of samples.SLOPES."""

ROOT = "model"
"""The name of a model that is one layer by itself."""


@dataclass(frozen=True)
class Parts:
    """A model's units, the run first, and what each of them is: the modules and parameters by their unit.

    `root`: the user's own model, whose call is a forward pass. `channels_last`: of pictures the last axis has the units.
    """

    root: nn.Module
    units: tuple[Unit, ...]
    modules: dict[int, nn.Module]
    parameters: dict[int, nn.Parameter]
    is_compiled: bool
    channels_last: bool = False


def parts_of(model: nn.Module, optimizers: tuple[Optimizer, ...]) -> Parts:
    """Modules that compute something: without others inside, with parameters of their own, or parts of a list; parameters.

    Raises ValueError where the model is of a kind that cannot be recorded, or too large.
    """
    from torch import nn

    _check(model)
    held = {id(parameter) for each in optimizers for group in each.param_groups for parameter in group["params"]}
    root = unwrapped(model)
    modules: dict[str, nn.Module] = {}
    for name, module in root.named_modules():
        modules.setdefault(_shown(name), module)
    listed = {
        id(child)
        for each in modules.values()
        if isinstance(each, (nn.ModuleList, nn.Sequential))
        for child in each.children()
    }
    units = [Unit("run", "")]
    places: dict[int, nn.Module] = {}
    for name, module in modules.items():
        leaf = next(module.children(), None) is None
        own = next(module.parameters(recurse=False), None) is not None
        if isinstance(module, (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)):
            continue
        if not (leaf or own or id(module) in listed):
            continue
        places[len(units)] = module
        trained = any(id(parameter) in held for parameter in module.parameters())
        shown = name or ROOT
        units.append(
            Unit(
                "module",
                shown[:LONGEST_TEXT],
                type(module).__name__,
                block=_block(name, modules),
                leaf=leaf,
                trained=trained,
            )
        )
    parameters: dict[int, nn.Parameter] = {}
    names = _parameter_names(root)
    for key, (parameter, own_names) in names.items():
        owner = own_names[0].rpartition(".")[0]
        parameters[len(units)] = parameter
        units.append(
            Unit(
                "parameter",
                own_names[0][:LONGEST_TEXT],
                type(modules[owner]).__name__ if owner in modules else "",
                tuple(parameter.shape),
                str(parameter.dtype).removeprefix("torch."),
                owner or ROOT,
                _block(owner, modules),
                trained=parameter.requires_grad and key in held,
                aliases=tuple(own_names[1:]),
            )
        )
    if len(units) > MOST_UNITS:
        raise ValueError(
            f"a model can be recorded with at most {MOST_UNITS:,} modules and parameters; got {len(units):,}"
        )
    return Parts(root, tuple(units), places, parameters, _is_compiled(model))


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's own model, without DistributedDataParallel and torch.compile around it."""
    while True:
        if type(model).__name__ == "DistributedDataParallel":
            model = model.module
        elif type(model).__name__ == "OptimizedModule":
            model = model._orig_mod
        else:
            return model


def _shown(name: str) -> str:
    """A name as in the user's own model: without what torch.compile puts before it."""
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


def _parameter_names(model: nn.Module) -> dict[int, tuple[nn.Parameter, list[str]]]:
    found: dict[int, tuple[nn.Parameter, list[str]]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names = found.setdefault(id(parameter), (parameter, []))[1]
        shown = _shown(name)
        if shown not in names:
            names.append(shown)
    return found


def _block(name: str, modules: dict[str, nn.Module]) -> str:
    """The outermost numbered part with modules inside that holds a name, itself included, stages left out; "" for none.

    A part whose name only begins like one, layer1, is not numbered: 1 in blocks.1 is.
    """
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        prefix = ".".join(parts[:end])
        if not parts[end - 1].isdigit() or prefix not in modules or _is_stage(modules[prefix]):
            continue
        if next(modules[prefix].children(), None) is not None:
            return prefix[:LONGEST_TEXT]
    return ""


def _is_stage(module: nn.Module) -> bool:
    """Is it blocks of one kind in a row, such as the stages of a residual network? Each of these then is a block, not the stage."""
    from torch import nn

    parts = list(module.children()) if isinstance(module, nn.Sequential) else []
    return len({type(part) for part in parts}) == 1 and all(next(part.children(), None) is not None for part in parts)


def _is_compiled(model: nn.Module) -> bool:
    return any(
        type(module).__name__ == "OptimizedModule" or getattr(module, "_compiled_call_impl", None) is not None
        for module in model.modules()
    )


def _check(model: nn.Module) -> None:
    from torch import nn

    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module; got {type(model).__name__}")
    for module in model.modules():
        kinds = {each.__name__ for each in type(module).__mro__}
        if kinds & {"FullyShardedDataParallel", "FSDPModule"}:
            raise ValueError(
                "a model under FSDP cannot be recorded: each process holds a piece of every parameter, whose norm is not the "
                "parameter's; record it under DistributedDataParallel or on one device"
            )
        if isinstance(module, nn.DataParallel):
            raise ValueError(
                "a model under DataParallel cannot be recorded: its copies run at the same time in threads of one process; "
                "record the model itself, or use DistributedDataParallel"
            )
    for name, parameter in model.named_parameters():
        if type(parameter).__name__ == "DTensor" or type(parameter.data).__name__ == "DTensor":
            raise ValueError(
                f"parameter {name} is a DTensor, of which each process holds a piece, as under FSDP; it cannot be recorded"
            )
        if isinstance(parameter, nn.parameter.UninitializedTensorMixin):
            raise ValueError(
                f"parameter {name} has no shape yet: run the model once before recording, as lazy modules need"
            )
