"""The dashboard offers the functions that the file of NNCORE_OWN registers."""

import os
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]

OPENED = """
from pathlib import Path

from streamlit.testing.v1 import AppTest
from tests.dashboard.lab import unfold
from tests.nncore.own import NAMES

app = AppTest.from_file(Path.cwd() / "dashboard" / "app.py", default_timeout=300)
for name, value in {"depth": "2", "width": "4", "steps": "4", "n_samples": "40", **NAMES}.items():
    app.query_params[name] = value
unfold(app).run()
assert not app.exception
"""


def check(mine: Path, text: str, program: str) -> None:
    """Run a program on the dashboard's first page in a process of its own, with a file of one's own functions."""
    mine.write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NNCORE_OWN": str(mine)}
    command = [sys.executable, "-c", OPENED + program]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_menus_offer_them_and_an_address_sets_them(tmp_path: Path) -> None:
    check(
        tmp_path / "mine.py",
        "from tests.nncore.own import register_all\n\nregister_all()\n",
        "assert {setting: app.selectbox(key=setting).value for setting in NAMES} == NAMES and not app.error",
    )


def test_a_file_that_breaks_is_said_in_a_sentence(tmp_path: Path) -> None:
    check(
        tmp_path / "mine.py",
        "1 / 0",
        """
reason = "mine.py does not register your own functions: ZeroDivisionError: division by zero"
assert [error.value for error in app.error] == [f"This site is not set up: {reason}."], app.error
""",
    )
