"""Measurements of many runs of one shape at once, with the bits that each has when measured alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.history.history import History
from nncore.measures.outputs import scores
from nncore.measures.quantities import Block, measured
from nncore.model.layout import Array
from nncore.model.network import Tape
from nncore.numerics.blas import blas_threads
from nncore.numerics.read_only import read_only
from nncore.training.many_runs import runs_at_once
from nncore.training.start import first_theta

PASS_ELEMENTS = 2**14
"""Entries of the widest z in one block of a single pass: two runs of 32 units and 256 rows. Smaller than in training,
because all quantities of a block are taken from it before the next one, each with arrays of its own."""

WITHOUT_ZEROS = "without_zeros"
"""Beside the quantities of a layer: is δ of each unit and probe row another number than 0?"""


def per_layer(
    histories: Sequence[History], names: Iterable[str], records: np.ndarray, zeros: bool = False
) -> dict[str, Array]:
    """`measures.per_layer` of each history at its own records (n_runs, n): name -> (n_runs, n, n_layers).

    The histories are of one shape, with as many probe rows each. With `zeros` WITHOUT_ZEROS is among them.
    """
    names, first = list(names), histories[0]
    runs = [history for history in histories for _ in range(records.shape[1])]
    found: list[dict[str, Array]] = []
    room: Tape | None = None
    with blas_threads(1):
        for part in _parts(len(runs), first.config):
            block = Block(runs[part], records.ravel()[part], room)
            found.append(measured(block, names))
            if zeros:
                whole = [each.all(axis=(-2, -1)) for each in block.backward[1]]
                found[-1][WITHOUT_ZEROS] = np.stack(whole, axis=-1)
            room = block.used_tape
    return {name: np.concatenate([each[name] for each in found]).reshape(*records.shape, -1) for name in found[0]}


def initial_per_layer(
    configs: Sequence[RunConfig], names: Iterable[str], cancelled: Callable[[], bool] = lambda: False
) -> dict[str, Array]:
    """The quantities at initialization of runs of one shape: name -> (n_runs, 1, n_layers). Nothing is trained.

    >>> found = initial_per_layer([RunConfig(hidden=(3, 3), gain=gain) for gain in (1.0, 2.0)], ["delta_norm"])
    >>> found["delta_norm"].shape
    (2, 1, 3)
    """
    return per_layer(
        [_untrained(config, cancelled, len(configs)) for config in configs],
        names,
        np.zeros((len(configs), 1), np.int64),
    )


def _untrained(config: RunConfig, cancelled: Callable[[], bool], n_runs: int) -> History:
    """A run before its first step: theta is known, what training adds to a record is not."""
    theta = read_only(first_theta(config, cancelled, n_runs)[None])
    unknown = np.full((1, config.layout().n_layers), np.nan)
    return History(
        config,
        np.zeros(1, np.int64),
        unknown[:, 0],
        theta,
        read_only(np.full_like(theta, np.nan)),
        unknown,
        *config.probe(),
    )


def final_scores(histories: Sequence[History], records: np.ndarray) -> list[dict[str, float]]:
    """Loss (penalty excluded) and accuracy on training and test rows of each history at its record.

    NaN where there are no test rows or no classes: `measures.performance` at one record each.
    """
    first = histories[0]
    found: list[dict[str, float]] = []
    with blas_threads(1), np.errstate(all="ignore"):
        for part in _parts(len(histories), first.config):
            configs = [history.config for history in histories[part]]
            theta = np.stack(
                [history.theta[record] for history, record in zip(histories[part], records[part], strict=True)]
            )
            data = [config.data() for config in configs]
            train = _rows(configs, [(each.x_train, each.y_train) for each in data])
            test = _rows(configs, [(each.x_test, each.y_test) for each in data]) if len(data[0].x_test) else None
            measured = scores(first.network, first.config.loss_function(), theta, train, test, data[0].task)
            found += [{name: float(each[row]) for name, each in measured.items()} for row in range(len(configs))]
    return found


def _rows(configs: list[RunConfig], parts: list[tuple[Array, Array]]) -> tuple[Array, np.ndarray]:
    x = np.stack([rows.astype(config.dtype) for config, (rows, _) in zip(configs, parts, strict=True)])
    return x, np.stack([config.targets(y) for config, (_, y) in zip(configs, parts, strict=True)])


def _parts(count: int, config: RunConfig) -> Iterator[slice]:
    size = runs_at_once(config, PASS_ELEMENTS)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
