"""A small recorded run that no framework is needed for: to try a page, a rule or a reader on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from nncore.recorders.rows import RecordRows
from nncore.recorders.samples import SPREAD, octave_counts, quantiles
from nncore.recorders.stream import StreamWriter
from nncore.recorders.units import Header, Unit


def example(
    path: str | os.PathLike[str], n_blocks: int = 0, records: int = 3, factor: float = 0.5, finished: bool = True
) -> Path:
    """Write a made-up recorded run to a new file: a chain of layers, or blocks of two, each of whose δ is `factor` of the next.

    With n_blocks = 0 it is a chain of Linear, Tanh, Linear named 0, 1, 2; otherwise blocks.0 ... with two modules each
    and a head. Loss 0.7, 0.65, ...; every weight has norm 1 and an update of 1e-3.
    """
    units, header = _units(n_blocks), None
    header = Header(units, "made up", every=10, caveats=("These numbers are made up.",))
    modules = [place for place, unit in enumerate(units) if unit.role == "module"]
    parameters = [place for place, unit in enumerate(units) if unit.role == "parameter"]
    writer, sample = StreamWriter(path), np.linspace(-1, 1, 65)
    for record in range(records):
        rows = RecordRows(10 * record, len(units))
        rows.put("loss", [0], 0.7 - 0.05 * record)
        rows.put("learning_rate", [0, *parameters], 0.1)
        rows.put("seconds", [0], float(record))
        rows.put("skipped", [0], 0)
        rows.put("passes", modules, 1)
        rows.put("size", modules, 65)
        depth = np.array([units[place].order for place in modules])
        delta = factor ** (depth.max() - depth).astype(float)
        deltas = delta[:, None] * sample / np.sqrt(np.square(sample).sum())
        rows.put("delta_norm", modules, delta)
        rows.put("delta_zero_fraction", modules, 1 / 65)
        rows.put("delta_octaves", modules, octave_counts(deltas))
        for name, value in (("mean", 0.0), ("rms", sample.std()), ("std", sample.std()), ("min", -1.0), ("max", 1.0)):
            rows.put(f"activation_{name}", modules, value)
        rows.put("activation_p2", modules, -0.96)
        rows.put("activation_p98", modules, 0.96)
        rows.put("zero_fraction", modules, 1 / 65)
        rows.put("activation_quantiles", modules, quantiles(sample[None], SPREAD))
        own = [factor ** (depth.max() - units[place].order) for place in parameters]
        for name in ("gradient_norm", "used_gradient_norm"):
            rows.put(name, parameters, own)
        rows.put("gradient_octaves", parameters, octave_counts(np.array(own)[:, None] * sample))
        rows.put("gradient_zero_fraction", parameters, 1 / 65)
        rows.put("weight_norm", parameters, 1.0)
        rows.put("update_norm", parameters, 1e-3)
        rows.put("unchanged_fraction", parameters, 0.0)
        writer.append(rows.rows())
    writer.flush(header)
    if finished:
        writer.close(Header(units, header.framework, header.every, header.caveats, finished=True))
    else:
        writer.abandon()
    return Path(path)


def _units(n_blocks: int) -> tuple[Unit, ...]:
    names: list[tuple[str, str, str]] = [("0", "Linear", ""), ("1", "Tanh", ""), ("2", "Linear", "")]
    if n_blocks:
        names = []
        for number in range(n_blocks):
            block = f"blocks.{number}"
            names += [(f"{block}.up", "Linear", block), (f"{block}.act", "Tanh", block), (block, "Block", block)]
        names.append(("head", "Linear", ""))
    follows = ["", "0", "1"] if n_blocks == 0 else [""] * len(names)
    modules = [
        Unit(
            "module",
            name,
            kind,
            (5, 13),
            "float32",
            block=block,
            order=order,
            leaf=kind != "Block",
            trained=True,
            follows=follows[order],
        )
        for order, (name, kind, block) in enumerate(names)
    ]
    parameters = [
        Unit(
            "parameter",
            f"{unit.name}.{own}",
            unit.type,
            shape,
            "float32",
            unit.name,
            unit.block,
            unit.order,
            trained=True,
        )
        for unit in modules
        if unit.type == "Linear"
        for own, shape in (("weight", (13, 13)), ("bias", (13,)))
    ]
    return (Unit("run", ""), *modules, *parameters)
