"""The command line: `nncore run`, `sweep`, `diagnose`, `export`, `dashboard` and `site`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from nncore import __version__
from nncore.command.dashboard import add_dashboard, dashboard_command
from nncore.command.export import add_export, export_command
from nncore.command.run import FINE, REFUSED, add_diagnose, add_run, diagnose_command, run_command
from nncore.command.site import add_site, site_command
from nncore.command.speech import Parser, plainly, tell
from nncore.command.sweep import add_sweep, sweep_command
from nncore.config.own import run_file, run_file_of_environment
from nncore.display.interrupted_import import INTERRUPTED, as_usual

CODES = """exit codes:
  0    done
  1    done, and something was found: the run diverged, blew up, learned nothing or got worse, a run
       of the sweep failed, or (diagnose) layers learn nothing
  2    refused: a flag, a value or a file is not what was expected, or a cluster is gone; one sentence
       says why, and what was done is kept; or what the system has no room or no right for
  130  stopped by Ctrl-C; what was done until then is kept"""

COMMANDS = {
    "run": (add_run, run_command, "train one network, write its history, say what is wrong with it"),
    "sweep": (add_sweep, sweep_command, "train a grid of networks into a folder of Parquet files"),
    "diagnose": (add_diagnose, diagnose_command, "say what is wrong with a recorded run"),
    "export": (add_export, export_command, "write a history or a sweep as CSV or Parquet"),
    "dashboard": (add_dashboard, dashboard_command, "open the dashboard"),
    "site": (add_site, site_command, "write experiments, lessons and an explorer as pages that need no server"),
}

USAGES = {
    "run": "nncore run [settings and options, see --help]",
    "sweep": "nncore sweep FOLDER [--grid NAME=VALUES]... [settings and options, see --help]",
}
"""Where a list of all flags would hide what is said below it."""


@cache
def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = Parser(
        prog="nncore",
        description="Multilayer perceptrons by hand: train, sweep and diagnose from the command line.",
        epilog=CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"nncore {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (add, _, help) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=help,
            usage=USAGES.get(name),
            description=f"{help[0].upper()}{help[1:]}.",
            epilog=CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add(command)
        _add_own(command)
    return whole


def _add_own(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--own", metavar="FILE", help="a Python file that registers functions of your own (or NNCORE_OWN names it)"
    )


def _register_own(arguments: Sequence[str] | None) -> None:
    """Run the file of --own before the other flags are read, which may name what it registers."""
    first = Parser(prog="nncore", add_help=False, allow_abbrev=False)
    _add_own(first)
    own = first.parse_known_args(arguments)[0].own
    if own is None:
        run_file_of_environment()
    else:
        run_file(own)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code. A refusal is one sentence on standard error, never a traceback.

    Raises SystemExit with the code where the arguments cannot be read, or ask for help alone.
    """
    who = "nncore"
    try:
        as_usual()
        _hold_the_standard_streams()
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # δ on a terminal that knows ASCII alone
        try:
            _register_own(arguments)
            read = parser().parse_args(arguments)
            who = f"nncore {read.command}"
            return COMMANDS[read.command][1](read)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # what cannot be written is said here, not when Python ends
    except BrokenPipeError:  # somebody read as much as they wanted, as `head` does
        _let_go_of_standard_output()
        return FINE
    except (ValueError, OSError, MemoryError) as error:
        _let_go_of_standard_output()
        tell(who, plainly(error))
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED


def _hold_the_standard_streams() -> None:
    """Open nothing under the numbers 0 to 2 of streams that are closed.

    The next file that is opened would have such a number: what a library writes to standard error would go into it, and a
    process that is started without one cannot begin.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(number, True)


def _let_go_of_standard_output() -> None:
    """Where it cannot take what waits to be written, it goes nowhere: Python would try once more at its end."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with suppress(OSError):  # a stand-in that has no number
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
