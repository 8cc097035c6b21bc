"""`nncore site`: experiments, lessons and an explorer as pages that need no server; the dashboard's package writes them."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from nncore.command.arguments import whole
from nncore.command.dashboard import ROOT, check_installed
from nncore.config.own import FILE

MAIN = ROOT / "dashboard" / "site" / "__main__.py"


def add_site(parser: argparse.ArgumentParser) -> None:
    """The flags of `nncore site`."""
    parser.add_argument("folder", metavar="FOLDER", help="a new or an empty folder; open its index.html")
    parser.add_argument(
        "--grid",
        choices=("full", "small", "none"),
        default="full",
        help="the explorer's networks, activation × initializer × depth × gain (full); small is for a first look",
    )
    parser.add_argument(
        "--experiments", metavar="NAMES", default="all", help="all, none, or names with commas between (all)"
    )
    parser.add_argument(
        "--lesson",
        metavar="LINK",
        action="append",
        default=[],
        help="the link of a lesson that the dashboard's Make a lesson gave, or a file with a link a line; more than once",
    )
    parser.add_argument(
        "--workers", type=whole("workers", 1, 1024), metavar="N", help="processes that train (one a core)"
    )


def site_command(arguments: argparse.Namespace) -> int:
    """Let the dashboard's package write the site, and wait for it."""
    check_installed(MAIN, "writing a site")
    flags = {"--grid": arguments.grid, "--experiments": arguments.experiments, "--workers": arguments.workers}
    command = [
        *(sys.executable, "-m", "dashboard.site"),
        *(f"{name}={value}" for name, value in flags.items() if value is not None),
        *(f"--lesson={link}" for link in arguments.lesson),
        *("--", arguments.folder),
    ]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    own = {FILE: str(Path(arguments.own).absolute())} if arguments.own else {}
    try:
        code = subprocess.call(command, env=os.environ | {"PYTHONPATH": paths} | own)
    except KeyboardInterrupt:
        return 130
    return code if code in (0, 1, 2) else 130 if code < 0 or code == 130 else 1
