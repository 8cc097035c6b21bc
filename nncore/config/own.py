"""Functions of one's own: registered by a file, taken along to worker processes, and missed where a run names them."""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from nncore.config.run_config import RunConfig
from nncore.config.settings import REGISTERED
from nncore.data import DATASETS
from nncore.model.activations import ACTIVATIONS
from nncore.model.initializers import INITIALIZERS
from nncore.model.losses import LOSSES
from nncore.model.optimizers import OPTIMIZERS
from nncore.numerics.choices import UnknownName
from nncore.numerics.registry import NAME, Registry

REGISTRIES: Mapping[str, Registry[Any]] = {
    "activation": ACTIVATIONS,
    "init": INITIALIZERS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "dataset": DATASETS,
}
"""Setting -> the registry that its names are in."""

FILE = "NNCORE_OWN"
"""Environment variable with a Python file that registers functions of one's own, for the command line and the dashboard."""


def run_file(path: str | os.PathLike[str]) -> None:
    """Run a Python file that registers functions of one's own; raises ValueError, one sentence, where it fails.

    It runs once in a process, as long as it stays the same.
    """
    place = Path(path).absolute()
    if not os.path.isfile(place):  # a device may have no end
        raise ValueError(f"{path} is not there as a file: a Python file that registers functions of your own")
    _run(place, place.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _run(place: Path, changed: int) -> None:
    try:
        runpy.run_path(str(place), run_name="nncore_own")
    except Exception as error:
        raise ValueError(
            f"{place.name} does not register your own functions: {type(error).__name__}: {error}"
        ) from error


def run_file_of_environment() -> None:
    """`run_file` on what FILE names, if it names one."""
    if path := os.environ.get(FILE):
        run_file(path)


@contextmanager
def own_ones_missed() -> Iterator[None]:
    """Turn the unknown name of a function in a file's settings into a sentence that says what to do."""
    try:
        yield
    except UnknownName as error:
        registry = REGISTRIES.get("activation" if error.kind == "output" else error.kind)
        if registry is None or not NAME.fullmatch(error.name):
            raise
        raise NotRegistered(
            f"its run needs the {registry.kind} {error.name!r}, which nncore does not bring along{error.hint}: register it "
            f"first, with nncore.{REGISTERED[error.kind]}.register or, on the command line, --own FILE.py"
        ) from error


class NotRegistered(ValueError):
    """A file's run names a function of somebody's own that is not registered here."""


def needed(config: RunConfig) -> list[str]:
    """The functions of somebody's own that a run needs, such as "the activation 'sine'"."""
    found = []
    for setting, name in [*((each, getattr(config, each)) for each in REGISTRIES), ("activation", config.output)]:
        registry = REGISTRIES[setting]
        found += [
            f"the {registry.kind} {each!r}"
            for each in (name if isinstance(name, tuple) else (name,))
            if each in registry.own
        ]
    return list(dict.fromkeys(found))


def pack() -> bytes:
    """What is registered here, for another process; b"" where nothing is.

    Functions of the main script, of a notebook or of `run_file` go along as they are, those of an installed module by its name.
    """
    own = {setting: registry.own for setting, registry in REGISTRIES.items() if registry.own}
    if not own:
        return b""
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(own))
    except Exception as error:
        raise ValueError(f"your own functions cannot be sent to worker processes ({error}): take workers=1") from error


@lru_cache(maxsize=1)
def unpack(packed: bytes) -> None:
    """Register in this process what `pack` packed in another; raises ValueError where it does not load here."""
    if not packed:
        return
    import cloudpickle

    try:
        own = cloudpickle.loads(packed)
    except ImportError as error:
        raise ValueError(
            f"a worker cannot load your own functions ({error}): define them in the script itself, or install their "
            "module on every worker"
        ) from error
    for setting, entries in own.items():
        for name, entry in entries.items():
            REGISTRIES[setting][name] = entry
