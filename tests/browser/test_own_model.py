"""A recorded run in Chromium: chosen by its file, looked at module by module, on a phone too."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect

from nncore.command.dashboard import RECORDED
from nncore.recorders.example import example
from nncore.recorders.stream import pieces
from tests.browser.conftest import ROOT, streamlit_server
from tests.browser.helpers import DEEP_LINK, figure_data, wait_idle, wait_painted
from tests.browser.test_lab import wait_for_line

CASES = Path(__file__).parents[1] / "cases"


def test_a_recorded_run_is_chosen_and_one_of_its_blocks_opened(
    new_page: Callable[..., Page], app_url: str, tmp_path: Path
) -> None:
    file = example(tmp_path / "run.arrows", n_blocks=40, factor=0.7)
    for width, dark in ((1400, False), (390, True)):
        page = new_page(width, 844, dark=dark, expected_errors=DEEP_LINK)
        page.goto(urljoin(f"{app_url}/", "own_model"))
        page.locator("input[type=file]").set_input_files(file)
        painted = wait_painted(page, "chart_o_flow")
        expect(page.locator(".st-key-o_verdicts")).to_contain_text("Gradients vanish")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        wait_idle(page)
        page.get_by_role("textbox", name="Only names with").fill("blocks.3.")
        page.keyboard.press("Enter")
        wait_painted(page, "chart_o_flow", painted)
        names = figure_data(page, "chart_o_flow")["data"][-1]["customdata"]
        assert names and all(name.startswith("blocks.3.") for name in names)


@pytest.fixture
def followed_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """The page of a dashboard that shows an operator's folder, and that folder."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv(RECORDED, str(folder))
    with streamlit_server(ROOT / "dashboard" / "app.py", tmp_path / "streamlit.log") as url:
        yield f"{url}/own_model", folder


GROWING = {
    "gpt.arrows": ((CASES / "gpt.arrows").read_bytes(), "Recording has begun", "records to step 60"),
    "resnet.arrows": ((CASES / "resnet.arrows").read_bytes(), "1 records to step 0", "records to step 60"),
    "log/events.out.tfevents.1": (
        (CASES / "two_layers.tfevents").read_bytes(),
        "1 records to step 0",
        "records to step 2",
    ),
    "table.csv": (
        b"step,layer,quantity,value\n0,0.weight,gradient_norm,1\n2,0.weight,gradient_norm,0.5\n",
        "1 records to step 0",
        "records to step 2",
    ),
}
"""Name of a file -> all of it in the end, what the page says of its beginning, and of the whole."""


AHEAD = 4e9
"""A time of change that no clock has reached: the file has just been written."""


def begun(name: str) -> int:
    """Bytes of a file that is being written: a stream's header, a record with it, or a part of a log."""
    content = GROWING[name][0]
    if name.endswith(".arrows"):
        ends = [piece.end for piece in pieces(memoryview(content)) if piece.rows is not None]
        return ends[0] - 1000 if name == "gpt.arrows" else ends[0]
    return 53 if name == "table.csv" else len(content) * 2 // 5


@pytest.mark.parametrize("name", GROWING)
def test_a_file_is_followed_while_it_is_written(
    name: str, followed_url: tuple[str, Path], new_page: Callable[..., Page]
) -> None:
    url, folder = followed_url
    content, first, last = GROWING[name]
    for width, dark in ((1400, False), (390, True)):
        path = folder / str(width) / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content[: begun(name)])
        os.utime(path, (AHEAD, AHEAD))
        run = path if path.suffix in (".arrows", ".csv") else path.parent
        page = new_page(width, 844, dark=dark, expected_errors=DEEP_LINK)
        page.goto(f"{url}?o_run={run.relative_to(folder)}")
        expect(page.get_by_text(first)).to_be_visible()
        expect(page.get_by_text("the page follows the")).to_be_visible()
        with path.open("ab") as file:
            file.write(content[begun(name) :])
        expect(page.get_by_text(last)).to_be_visible()
        wait_painted(page, "chart_o_flow")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


def test_the_run_before_is_followed_beside_one_that_stopped_without_an_end(
    followed_url: tuple[str, Path], new_page: Callable[..., Page]
) -> None:
    url, folder = followed_url
    content = GROWING["resnet.arrows"][0]
    ends = [piece.end for piece in pieces(memoryview(content)) if piece.rows is not None]
    (folder / "now.arrows").write_bytes(content[: ends[-1]])
    os.utime(folder / "now.arrows", (0, 0))
    for width, dark in ((1400, True), (390, False)):
        before = folder / f"past_{width}.arrows"
        before.write_bytes(content[: ends[0]])
        os.utime(before, (AHEAD, AHEAD))
        page = new_page(width, 844, dark=dark, expected_errors=DEEP_LINK)
        page.goto(f"{url}?o_run=now.arrows&o_before={before.name}")
        expect(page.locator(".st-key-o_verdicts")).to_contain_text("The run stopped without an end, 4 records are here")
        expect(page.locator(".st-key-o_alive")).to_contain_text(
            f"Live, {before.name}: 1 record so far, the last one 0 s ago"
        )
        before.write_bytes(content)
        expect(page.get_by_text("4 records to step 60, finished")).to_be_visible()
        expect(page.locator(".st-key-o_alive")).to_contain_text("Not live: the page still looks")
        wait_painted(page, "chart_o_map_before")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


def test_a_run_before_a_change_is_laid_beside_and_a_log_of_tensorboard_opens(
    new_page: Callable[..., Page], app_url: str, tmp_path: Path
) -> None:
    now, before = (
        example(tmp_path / f"{name}.arrows", n_blocks=6, factor=factor)
        for name, factor in (("now", 0.9), ("before", 0.1))
    )
    page = new_page(390, 844, expected_errors=DEEP_LINK)
    page.goto(urljoin(f"{app_url}/", "own_model"))
    page.locator("input[type=file]").set_input_files(now)
    wait_painted(page, "chart_o_flow")
    page.locator("input[type=file]").nth(1).set_input_files(before)
    expect(page.locator(".st-key-o_differs")).to_contain_text("“Gradients vanish” is gone")
    wait_painted(page, "chart_o_map_before")
    wait_for_line(page, "δ of before.arrows", "chart_o_flow")
    wait_idle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page = new_page(1400, 844, expected_errors=DEEP_LINK)
    page.goto(urljoin(f"{app_url}/", "own_model"))
    page.locator("input[type=file]").set_input_files(CASES / "two_layers.tfevents")
    wait_painted(page, "chart_o_flow")
    expect(page.locator(".st-key-o_verdicts")).to_contain_text("Not judged")
