"""What is recorded of a run, a module and a parameter at a step: each column of the file with its label and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

ROLES = ("run", "module", "parameter")
"""What a row of the file speaks of."""

QUANTILES = 33
"""Quantiles of an activation, evenly spaced: 0, 1/32 ... 1; both ends are of all entries, the others of a sample."""

FIRST_OCTAVE, LAST_OCTAVE = -128, 15
"""Magnitudes are counted by octaves: octave k holds 2^k <= |x| < 2^(k+1). The first and the last hold what lies beyond."""

OCTAVES = np.arange(FIRST_OCTAVE, LAST_OCTAVE + 1)
"""The octaves of every histogram, the same for all modules, parameters and steps, so that histograms can be added."""


@dataclass(frozen=True)
class RecordedQuantity:
    """One number of a run, a module or a parameter at each recorded step.

    `role`: one of ROLES. `of`: the two stored quantities whose ratio it is; () where it is stored itself.
    `span`: the ends of its range, where they are known.
    """

    name: str
    role: str
    label: str
    symbol: str
    log: bool
    about: str
    span: tuple[float, float] | None = None
    of: tuple[str, ...] = ()


def _entries() -> tuple[RecordedQuantity, ...]:
    entry, share = RecordedQuantity, (0.0, 1.0)
    sampled = "Of a sample of at most 1,024 values a call."
    return (
        entry("loss", "run", "loss", "E", False, "What was handed to `log`; the mean where that came more than once."),
        entry("learning_rate", "run", "learning rate", "η", True, "Of the optimizer's first group of parameters."),
        entry("seconds", "run", "seconds", "t", False, "Since recording began."),
        entry(
            "scale",
            "run",
            "loss scale",
            "scale",
            True,
            "The gradient scaler's; every recorded number is divided by it.",
        ),
        entry("skipped", "run", "skipped steps", "skipped", False, "Steps that the scaler has skipped so far."),
        entry("activation_mean", "module", "activation mean", "mean a", False, "Mean of the module's output."),
        entry("activation_rms", "module", "activation RMS", "rms a", True, "Root mean square of the output."),
        entry(
            "activation_std",
            "module",
            "activation std",
            "std a",
            True,
            "Standard deviation of all entries of the output.",
        ),
        entry("activation_min", "module", "smallest activation", "min a", False, "The smallest entry of the output."),
        entry("activation_max", "module", "largest activation", "max a", False, "The largest entry of the output."),
        entry(
            "activation_p2",
            "module",
            "activation 2nd percentile",
            "p2 a",
            False,
            f"2nd percentile of the output. {sampled}",
        ),
        entry(
            "activation_p98",
            "module",
            "activation 98th percentile",
            "p98 a",
            False,
            f"98th percentile of the output. {sampled}",
        ),
        entry(
            "zero_fraction",
            "module",
            "zeros",
            "a = 0",
            False,
            f"Share of the output that is exactly 0. {sampled}",
            share,
        ),
        entry(
            "saturated_fraction",
            "module",
            "saturated share",
            "saturated",
            False,
            f"Share of the output where |φ′| is below 1 % of its largest; of modules whose φ is two-sided. {sampled}",
            share,
        ),
        entry(
            "dead_fraction",
            "module",
            "dead units",
            "dead",
            False,
            "Share of a relu's units (channels) that put out 0 for every row of the step.",
            share,
        ),
        entry(
            "delta_norm",
            "module",
            "δ norm",
            "‖δ‖",
            True,
            "Euclidean norm of ∂E/∂(the module's output), E being what backward was called on; over several passes the root "
            "of the summed squares. For a mean loss, √rows times it is nncore's δ norm.",
        ),
        entry(
            "delta_rms",
            "module",
            "δ RMS",
            "rms δ",
            True,
            "δ norm divided by √(entries of the output).",
            of=("delta_norm", "√size"),
        ),
        entry(
            "delta_zero_fraction",
            "module",
            "zeros in δ",
            "δ = 0",
            False,
            f"Share of δ that is exactly 0. {sampled}",
            share,
        ),
        entry(
            "weight_norm", "parameter", "weight norm", "‖W‖", True, "Euclidean norm of the parameter before the update."
        ),
        entry(
            "update_norm", "parameter", "update norm", "‖ΔW‖", True, "Euclidean norm of the update, whatever made it."
        ),
        entry(
            "update_ratio",
            "parameter",
            "update ratio",
            "‖ΔW‖/‖W‖",
            True,
            "Update norm over weight norm; blank where the weight norm is 0.",
            of=("update_norm", "weight_norm"),
        ),
        entry(
            "gradient_norm",
            "parameter",
            "gradient norm",
            "‖∂E/∂W‖",
            True,
            "Euclidean norm of ∂E/∂W at the end of backward: summed over passes and processes, unscaled, before clipping.",
        ),
        entry(
            "used_gradient_norm",
            "parameter",
            "gradient norm as used",
            "‖∂E/∂W‖ used",
            True,
            "Euclidean norm of the gradient that the optimizer got: after clipping.",
        ),
        entry(
            "clipping",
            "parameter",
            "clipping",
            "used / before",
            True,
            "The gradient norm that the optimizer got over that at the end of backward: 1 where nothing was clipped.",
            of=("used_gradient_norm", "gradient_norm"),
        ),
        entry(
            "gradient_zero_fraction",
            "parameter",
            "zeros in ∂E/∂W",
            "∂E/∂W = 0",
            False,
            f"Share of the gradient that is exactly 0. {sampled}",
            share,
        ),
        entry(
            "unchanged_fraction",
            "parameter",
            "unchanged weights",
            "ΔW = 0",
            False,
            f"Share of the weights with a nonzero gradient that the update left exactly as they were. {sampled}",
            share,
        ),
    )


RECORDED_QUANTITIES: dict[str, RecordedQuantity] = {each.name: each for each in _entries()}
"""Every quantity under its name; the names that nncore.measures has too mean the same but for δ's √rows."""

STORED = tuple(name for name, each in RECORDED_QUANTITIES.items() if not each.of)
"""Quantities that have a column in the file; the others are ratios of these."""

DISTRIBUTIONS: dict[str, tuple[str, int]] = {
    "activation_quantiles": ("module", QUANTILES),
    "delta_octaves": ("module", len(OCTAVES)),
    "gradient_octaves": ("parameter", len(OCTAVES)),
}
"""Columns of lists: name -> (role, length)."""


def schema() -> pa.Schema:
    """The columns of the file, one row per recorded step and unit; null where a number is not defined."""
    import pyarrow as pa

    def values(name: str, length: int) -> pa.DataType:
        kind = pa.float32() if name == "activation_quantiles" else pa.uint16()
        return pa.list_(pa.field("element", kind, nullable=False), length)

    fields = [pa.field(name, pa.int64(), nullable=False) for name in ("step", "unit", "passes", "size")]
    fields += [pa.field(name, pa.float64()) for name in STORED]
    fields += [pa.field(name, values(name, length)) for name, (_, length) in DISTRIBUTIONS.items()]
    return pa.schema(fields)
