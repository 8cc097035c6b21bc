"""`nncore run` and `nncore diagnose`: one run, its files and its verdict."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from nncore.command.arguments import (
    add_settings,
    add_table,
    add_table_again,
    config_from,
    limit,
    read_file,
    read_toml,
    table_notes,
    whole,
)
from nncore.command.export import check_target, read_history, write_history
from nncore.command.recorded import check_no_folder, recorded_in, recorded_report
from nncore.command.speech import tell
from nncore.config.cost import check_budget
from nncore.config.without_effect import in_a_sentence
from nncore.diagnosis import Verdict, flow, verdict
from nncore.display.interrupted_import import INTERRUPTED
from nncore.display.progress import Interrupt, bar
from nncore.history.history import History
from nncore.measures import constant_loss
from nncore.training import run

MOST_STEPS = 1_000_000_000
"""Steps beyond any run's end."""

FINE, FOUND, REFUSED = 0, 1, 2


def add_run(parser: argparse.ArgumentParser) -> None:
    """The flags of `nncore run`."""
    add_settings(parser)
    add_table(parser)
    parser.add_argument("--toml", metavar="FILE", help="settings in a table [base]; flags take their place")
    parser.add_argument(
        "--out",
        metavar="FILE",
        action="append",
        default=[],
        help="write the history, as .parquet (bit for bit), .csv, .csv.gz or .zip; may be given again",
    )
    add_limits(parser)
    add_manners(parser)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """What one run may cost."""
    parser.add_argument(
        "--max-mb", type=limit("max-mb"), default=1024.0, metavar="MB", help="largest history (1024; inf for no limit)"
    )
    parser.add_argument(
        "--max-seconds",
        type=limit("max-seconds"),
        default=math.inf,
        metavar="S",
        help="longest run, as estimated (inf: no limit)",
    )


def bytes_allowed(arguments: argparse.Namespace) -> int:
    """The bytes of --max-mb; as many as there can be where it is inf.

    >>> bytes_allowed(argparse.Namespace(max_mb=1.5))
    1572864
    """
    return int(min(arguments.max_mb * 2**20, sys.maxsize))


def add_manners(parser: argparse.ArgumentParser) -> None:
    """How a command speaks."""
    parser.add_argument("--json", action="store_true", help="answer with JSON on standard output")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run_command(arguments: argparse.Namespace) -> int:
    """Train, write what is asked for, say what is wrong; the exit code says whether the run ended early or failed to learn."""
    base = read_toml(arguments.toml).get("base") if arguments.toml else None
    config = config_from(arguments, base)
    for file in arguments.out:
        check_target(Path(file))
    check_budget(config, arguments.max_seconds, bytes_allowed(arguments))
    for note in table_notes(config):
        tell("nncore run", note)
    for sentence in in_a_sentence(config):
        tell("nncore run", sentence)
    with Interrupt() as interrupt, bar("step", arguments.quiet) as progress:
        history = run(
            config,
            cancelled=interrupt.asked,
            progress=lambda step, loss: progress(step, config.steps),
            memory_budget=None,
        )
        for file in arguments.out:
            write_history(history, Path(file))
    found = report(history, len(history) - 1 if interrupt.happened else None, arguments.json, arguments.out)
    if interrupt.happened:
        return INTERRUPTED
    return FOUND if history.stopped or any(each.kind == "outcome" for each in found) else FINE


def add_diagnose(parser: argparse.ArgumentParser) -> None:
    """The flags of `nncore diagnose`."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a history, .parquet, .csv, .csv.gz or .zip, a recorded run, .arrows, or a log, also while it grows: TensorBoard's "
        "event file or its folder, or a tidy CSV",
    )
    parser.add_argument(
        "--step", type=whole("step", 0, MOST_STEPS), metavar="N", help="the step to look at (the last finite one)"
    )
    parser.add_argument("--json", action="store_true", help="answer with JSON on standard output")
    add_table_again(parser)


def diagnose_command(arguments: argparse.Namespace) -> int:
    """Say what is wrong with a recorded run; the exit code says whether layers learn nothing."""
    if arguments.table:
        read_file(arguments.table, arguments)
    recorded = recorded_in(Path(arguments.file))
    if recorded is not None:
        facts, wrong, lines = recorded_report(recorded, arguments.step)
        if arguments.json:
            print_json(facts)
        else:
            print(*lines, sep="\n")
        return FOUND if any(each.severity >= 2 for each in wrong) else FINE
    check_no_folder(Path(arguments.file))
    history = read_history(Path(arguments.file))
    record = None if arguments.step is None else history.nearest(arguments.step)
    found = report(history, record, arguments.json, [])
    return FOUND if any(each.severity >= 2 for each in found) else FINE


def report(history: History, record: int | None, as_json: bool, files: list[str]) -> tuple[Verdict, ...]:
    """Print what became of a run and what is wrong with it at one record; the last finite one by default."""
    record = history.last_finite if record is None else min(record, history.last_finite)
    found, flows = verdict(history, record), (flow(history, 0), flow(history, record))
    if as_json:
        facts = {
            "config": history.config.to_dict(),
            "stopped": history.stopped,
            "step": int(history.step[record]),
            "loss_first": float(history.loss[0]),
            "loss": float(history.loss[record]),
            "loss_constant": constant_loss(history.config),
            "delta_ratio_first": flows[0].ratio,
            "delta_ratio": flows[1].ratio,
            "delta_norm": flows[1].delta.tolist(),
            "verdicts": [vars(each) for each in found],
            "files": files,
        }
        print_json(facts)
        return found
    constant = f"one answer for every input has {constant_loss(history.config):.4g}"
    print(f"loss {history.loss[0]:.4g} -> {history.loss[record]:.4g} at step {history.step[record]:,}; {constant}")
    print(f"δ of layer 1 over layer {flows[0].n_layers}: {flows[0].ratio:.1e} -> {flows[1].ratio:.1e}")
    if history.stopped:
        print(history.stopped)
    for each in found:
        print(f"{each.title}: {each.sentence}")
    if not found:
        print("Nothing wrong was found.")
    for file in files:
        print(f"Written: {file}")
    return found


def print_json(facts: Any) -> None:
    """One JSON object; what JSON has no number for (NaN, infinities) becomes null."""
    print(json.dumps(_finite(facts), indent=2, ensure_ascii=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
