"""`nncore sweep`: a grid from flags or a TOML file, into a folder."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from nncore.command.arguments import add_settings, add_table, grid_from, read_file, read_toml, table_notes, whole
from nncore.command.export import write_file
from nncore.command.run import FINE, FOUND, MOST_STEPS, add_limits, add_manners, bytes_allowed, print_json
from nncore.command.speech import tell
from nncore.config.run_config import RunConfig
from nncore.config.without_effect import without_effect
from nncore.display.interrupted_import import INTERRUPTED
from nncore.display.progress import Interrupt, bar
from nncore.measures import LAYER_QUANTITIES
from nncore.numerics.spacing import evenly_spaced
from nncore.sweep import LAST, NAMED_AXES, Folder, Grid, Limits, Report, table, write, write_csv

MOST_WORKERS = 1024
"""Processes of one machine."""


def add_sweep(parser: argparse.ArgumentParser) -> None:
    """The flags of `nncore sweep`."""
    named = "; ".join(f"{name}: {axis.help}" for name, axis in NAMED_AXES.items())
    parser.add_argument("folder", metavar="FOLDER", help="where the results go")
    parser.add_argument(
        "--grid",
        metavar="NAME=VALUES",
        action="append",
        default=[],
        help="an axis: depth=2,4,8 or gain=0.5:3:0.25 (stop included) or learning_rate=1e-3:1:log7; any "
        f"setting, and {named}",
    )
    parser.add_argument("--seeds", metavar="SEEDS", help="5 for 0 to 4, or 0:9:1, or 3,7,11")
    parser.add_argument("--toml", metavar="FILE", help="a grid in [grid], settings in [base], and seeds")
    parser.add_argument("--resume", action="store_true", help="go on with a sweep; the grid need not be given again")
    parser.add_argument(
        "--workers", type=whole("workers", 1, MOST_WORKERS), metavar="N", help="processes on this machine (one a core)"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler, such as tcp://10.0.0.1:8786")
    parser.add_argument(
        "--quantity",
        metavar="NAME",
        action="append",
        help=f"noted for every layer; may be given again (delta_norm); any of {', '.join(LAYER_QUANTITIES)}",
    )
    parser.add_argument(
        "--at",
        type=whole("at", LAST, MOST_STEPS),
        metavar="STEP",
        action="append",
        help="step to note them at, -1 for the last (0 and -1)",
    )
    parser.add_argument("--layers", action="store_true", help="keep them as a table of their own too")
    parser.add_argument("--histories", action="store_true", help="keep the history of every run")
    parser.add_argument("--csv", metavar="FILE", help="write the table as CSV in the end")
    add_limits(parser)
    add_manners(parser)
    add_settings(parser)
    add_table(parser)


def sweep_command(arguments: argparse.Namespace) -> int:
    """Run the sweep, or what is left of it, and count how its runs ended."""
    path = Path(arguments.folder)
    going_on = arguments.resume and (path / "sweep.json").exists()
    described = bool(arguments.grid or arguments.toml or arguments.seeds)
    if not described and not going_on:
        raise ValueError("a sweep needs --grid, --seeds or --toml")
    if going_on and not described and "table" in arguments:  # the rows that the sweep's runs name
        read_file(arguments.table, arguments)
        del arguments.table
    if going_on and not described and (set(vars(arguments)) & {field.name for field in RunConfig.fields()}):
        raise ValueError(f"{path} goes on with the settings that it was begun with: give none")
    facts = read_toml(arguments.toml) if arguments.toml else {}
    grid = grid_from(arguments, facts, arguments.grid, arguments.seeds) if described else None
    for sentence in (
        (*table_notes(grid.base), *_without_effect(grid)) if grid is not None and not arguments.quiet else ()
    ):
        tell("nncore sweep", sentence)
    noted = any((arguments.quantity, arguments.at, arguments.layers, arguments.histories))
    report = Report(
        quantities=tuple(arguments.quantity or ("delta_norm",)),
        steps=tuple(arguments.at if arguments.at is not None else (0, LAST)),
        layers=arguments.layers,
        histories=arguments.histories,
    )
    with Interrupt() as interrupt, bar("run", arguments.quiet) as progress:
        for _ in write(
            path,
            grid,
            report if noted or not going_on else None,
            resume=arguments.resume,
            limits=None if going_on else Limits(bytes_allowed(arguments), arguments.max_seconds),
            workers=arguments.workers,
            scheduler=arguments.scheduler,
            cancelled=interrupt.asked,
            progress=progress,
        ):
            pass
    failed = _say(path, arguments)
    if interrupt.happened:
        return INTERRUPTED
    return FOUND if failed else FINE


MOST_LOOKED_AT = 1000
"""Runs of a grid that are looked through for settings without effect, evenly spread."""


def _without_effect(grid: Grid) -> list[str]:
    """A sentence for each setting that changes nothing in some of the runs."""
    runs = evenly_spaced(0, len(grid) - 1, MOST_LOOKED_AT)
    counts: Counter[tuple[str, str]] = Counter()
    for place in runs.tolist():
        try:
            counts.update(without_effect(grid[place]).items())
        except ValueError:  # a run that cannot be made: the sweep says so
            continue
    share = "" if len(runs) == len(grid) else " looked at"
    return [
        f"{name} has no effect in {count:,} of {len(runs):,} runs{share}: {reason}"
        for (name, reason), count in counts.items()
    ]


def _say(path: Path, arguments: argparse.Namespace) -> int:
    """Print how the runs ended; returns how many failed."""
    folder = Folder.open(path)
    total, judged = len(folder.runs), folder.report.verdict
    rows = table(path, ["ending", "reason", *(["verdict"] if judged else [])])
    has_failed = np.array([each == "failed" for each in rows["ending"].to_pylist()], bool)
    endings = _counted(rows["ending"])
    verdicts = _counted(rows.filter(~has_failed)["verdict"]) if judged else Counter[str]()
    if arguments.csv:
        write_file(Path(arguments.csv), lambda target: write_csv(table(path), target))
    if arguments.json:
        named = {name or "none": count for name, count in verdicts.items()}
        facts = {"folder": str(path), "runs": total, "done": len(rows), "endings": endings, "verdicts": named}
        print_json(facts)
        return endings["failed"]
    ended = ", ".join(f"{count:,} {name}" for name, count in endings.most_common())
    print(f"{len(rows):,} of {total:,} runs in {path}: {ended or 'none yet'}.")
    if verdicts:
        found = ", ".join(f"{name or 'none'} {count:,}" for name, count in verdicts.most_common())
        print(f"Verdicts: {found}.")
    for reason, count in _counted(rows.filter(has_failed)["reason"]).most_common(3):
        print(f"Failed, {count:,}: {reason}")
    if len(rows) < total:
        print(f"Go on with: nncore sweep {path} --resume")
    if arguments.csv:
        print(f"Written: {arguments.csv}")
    return endings["failed"]


def _counted(column: Any) -> Counter[str]:
    return Counter({each["values"]: each["counts"] for each in column.value_counts().to_pylist()})
