"""The residual stream of a recorded model: how large it is after each block, and what each branch adds to it."""

from __future__ import annotations

import numpy as np

from nncore.measures.measurement import Measurement
from nncore.recorders.recorded import Block, Recorded


def branches(recorded: Recorded) -> dict[str, dict[int, int]]:
    """Kind of a branch, such as mlp.2 -> block, as index into Recorded.blocks -> the module at the branch's end.

    The end of a branch is a module inside a block whose output has the shape of the block's own and is not the input of another
    module as it stands: something is done to it, such as to add it. One whose output is the block's own is none. {} where there
    are fewer than two blocks with branches.
    """
    taken = {module.follows for module in recorded.modules}
    rms = recorded.quantity("activation_rms")
    found: dict[str, dict[int, int]] = {}
    for number, block in enumerate(recorded.blocks):
        for place in _inside(recorded, block):
            module = recorded.modules[place]
            same_shape = module.shape == recorded.modules[block.output or 0].shape
            if (
                same_shape
                and module.name not in taken
                and not np.array_equal(rms[:, place], rms[:, block.output], True)
            ):
                found.setdefault(module.kind, {})[number] = place
    return found if len({number for each in found.values() for number in each}) > 1 else {}


def _inside(recorded: Recorded, block: Block) -> list[int]:
    """The modules inside a block whose output was recorded, those with modules inside left out."""
    if block.output is None or recorded.header.is_log or recorded.header.of_rows:
        return []
    called = [place for place in block.modules if place != block.output and recorded.modules[place].order >= 0]
    return [place for place in called if recorded.modules[place].leaf]


def residual_stream(recorded: Recorded, record: int) -> Measurement:
    """Root mean square of each block's output and of each branch's, and their ratio, at one record. Axes: branch, layer.

    layer: the blocks with branches, in execution order, by their names in the column `name`; the column `stream_rms` is of
    their outputs. branch: the kinds in the column `kind`. `branch_share` is branch_rms over stream_rms: small, and the block
    changes little; NaN where a block has no such branch. Raises ValueError where there are none.
    """
    found = branches(recorded)
    if not found:
        raise ValueError("no two blocks of this model are known to have branches")
    numbers = sorted({number for each in found.values() for number in each})
    rms = recorded.quantity("activation_rms")[record]
    stream = np.array([rms[recorded.blocks[number].output or 0] for number in numbers])
    branch = np.array([[rms[each[n]] if n in each else np.nan for n in numbers] for each in found.values()])
    with np.errstate(all="ignore"):
        share = branch / stream
    names = np.array([recorded.blocks[number].name for number in numbers], object)
    return Measurement(
        "residual stream",
        {"branch": np.arange(1, len(found) + 1), "layer": np.arange(1, len(numbers) + 1)},
        {"branch_rms": branch, "branch_share": share},
        columns={
            "kind": ("branch", np.array(list(found), object)),
            "name": ("layer", names),
            "stream_rms": ("layer", stream),
        },
    )
