"""A recorded run in Chromium: chosen by its file, looked at module by module, on a phone too."""

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


def test_a_file_a_log_and_a_table_are_followed_while_they_are_written(
    followed_url: tuple[str, Path], new_page: Callable[..., Page]
) -> None:
    url, folder = followed_url
    events, table = folder / "tensorboard" / "events.out.tfevents.1", folder / "table.csv"
    events.parent.mkdir()
    whole = {
        folder / "run.arrows": example(folder.parent / "whole.arrows", n_blocks=4).read_bytes(),
        events: (CASES / "two_layers.tfevents").read_bytes(),
        table: b"step,layer,quantity,value\n0,0.weight,gradient_norm,1\n2,0.weight,gradient_norm,0.5\n",
    }
    opening = next(pieces(memoryview(whole[folder / "run.arrows"]))).end
    for (path, begun), says in zip(
        ((folder / "run.arrows", opening), (events, len(whole[events]) * 2 // 5), (table, 53)),
        ("Recording has begun", "1 records to step 0", "1 records to step 0"),
        strict=True,
    ):
        path.write_bytes(whole[path][:begun])
        name = path.name if path.parent == folder else path.parent.name
        for width in (1400, 390):
            page = new_page(width, 844, expected_errors=DEEP_LINK)
            page.goto(f"{url}?o_run={name}")
            expect(page.get_by_text(says)).to_be_visible()
            expect(page.get_by_text("the page follows the")).to_be_visible()
            path.write_bytes(whole[path])
            expect(page.get_by_text("records to step 2")).to_be_visible()
            wait_painted(page, "chart_o_flow")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.close()
            if width == 1400:
                path.unlink()
                path.write_bytes(whole[path][:begun])


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
    assert {trace["name"] for trace in figure_data(page, "chart_o_flow")["data"]} >= {"δ of before.arrows"}
    wait_idle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page = new_page(1400, 844, expected_errors=DEEP_LINK)
    page.goto(urljoin(f"{app_url}/", "own_model"))
    page.locator("input[type=file]").set_input_files(CASES / "two_layers.tfevents")
    wait_painted(page, "chart_o_flow")
    expect(page.locator(".st-key-o_verdicts")).to_contain_text("Not judged")
