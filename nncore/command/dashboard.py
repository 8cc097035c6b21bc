"""`nncore dashboard`: the Streamlit app, where it is there."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nncore

APP = Path(nncore.__file__).parents[1] / "dashboard" / "app.py"


def add_dashboard(parser: argparse.ArgumentParser) -> None:
    """The flags of `nncore dashboard`."""
    parser.add_argument("--port", type=int, default=8501, help="where it listens (8501)")
    parser.add_argument("--address", default="localhost", help="on which address (localhost)")
    parser.add_argument("--headless", action="store_true", help="open no browser")


def dashboard_command(arguments: argparse.Namespace) -> int:
    """Start Streamlit and wait for it to end."""
    if not APP.exists():
        raise ValueError("the dashboard is not part of the installed package: start it in a copy of the repository")
    if find_spec("streamlit") is None:
        raise ValueError("the dashboard needs Streamlit: pip install -r requirements.txt in the repository")
    command = [
        *(sys.executable, "-m", "streamlit", "run", str(APP)),
        *("--server.port", str(arguments.port), "--server.address", arguments.address),
        *("--server.headless", str(arguments.headless).lower()),
    ]
    try:
        return subprocess.call(command, cwd=APP.parents[1])
    except KeyboardInterrupt:
        return 0
