"""The README's picture of a recorded run on its page.

python -m tests.torch.recorded_cases run.arrows      # with PyTorch
python -m tests.browser.readme_picture run.arrows    # writes docs/own_model.png
"""

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from nncore.command.dashboard import RECORDED
from tests.browser import chromium
from tests.browser.conftest import ROOT, streamlit_server
from tests.browser.helpers import screenshot, wait_idle, wait_painted

PICTURE = ROOT / "docs" / "own_model.png"
SIZE = {"width": 1400, "height": 1230}


def take(recorded: Path, picture: Path = PICTURE) -> None:
    """The page's first screens on a recorded run, in the light theme."""
    os.environ[RECORDED] = str(recorded.resolve())
    with (
        tempfile.TemporaryDirectory() as folder,
        streamlit_server(ROOT / "dashboard" / "app.py", Path(folder) / "streamlit.log") as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.FLAGS)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(f"{url}/own_model")
        for key in ("chart_o_flow", "chart_o_map"):
            wait_painted(page, key)
        wait_idle(page)
        screenshot(page, picture, full=False)
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
