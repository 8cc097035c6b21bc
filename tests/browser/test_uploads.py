"""A file that is too large for the server is refused by the browser in a sentence, and what was chosen before stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from nncore import RunConfig, run
from tests.browser.conftest import ROOT, streamlit_server
from tests.browser.helpers import DEEP_LINK, wait_idle

MOST_MB = 1
"""The operator's server.maxUploadSize; a browser takes a megabyte for 1,000,000 bytes."""

TOO_LARGE = {"slightly": MOST_MB * 10**6 + 1, "far": 30 * 10**6}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard of an operator who takes small files."""
    log = tmp_path_factory.mktemp("small") / "streamlit.log"
    with streamlit_server(ROOT / "dashboard" / "served.py", log, f"--server.maxUploadSize={MOST_MB}") as url:
        yield url


def csv(path: Path, size: int) -> Path:
    """A table of exactly so many bytes, ends of lines with blanks among them."""
    line = b"1.5,2.5,left\n2.5,3.5,right\n"
    content = b"a,b,c\n" + line * ((size - 6) // len(line))
    path.write_bytes(content + b"\n" * (size - len(content)))
    return path


def history(folder: Path) -> Path:
    """A run's file of a few kB."""
    run(RunConfig(hidden=(3,), steps=3, n_samples=40)).to_parquet(folder / "run.parquet")
    return folder / "run.parquet"


def at_page(new_page, address: str) -> Page:
    page = new_page(expected_errors=DEEP_LINK)
    page.goto(address)
    page.locator("input[type=file]").wait_for(state="attached")
    wait_idle(page)
    return page


@pytest.mark.parametrize("place", ["your_data", "open_file"])
def test_too_large_a_file_is_refused_in_a_sentence_and_the_one_before_stays(
    new_page, url: str, tmp_path: Path, place: str
) -> None:
    page, sent = at_page(new_page, f"{url}/{place}"), []
    own = csv(tmp_path / "fits.csv", MOST_MB * 10**6) if place == "your_data" else history(tmp_path)
    read = page.get_by_text("rows, 3 columns" if place == "your_data" else "A run on moons", exact=False).first
    page.locator("input[type=file]").set_input_files(own)
    read.wait_for()
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
    for count, (name, size) in enumerate(TOO_LARGE.items(), start=1):
        page.locator("input[type=file]").set_input_files(csv(tmp_path / f"{name}.csv", size))
        said = page.get_by_role("alert").filter(has_text=f"File must be {MOST_MB}.0MB or smaller")
        expect(said).to_have_count(count)
        assert said.last.bounding_box()["height"] > 10, "it is seen, not only read out"
    wait_idle(page)
    expect(read).to_be_visible()
    assert not sent and page.get_by_test_id("stException").count() == 0


@pytest.mark.parametrize("place", ["your_data", "open_file"])
def test_the_help_says_the_limit_of_the_server(new_page, url: str, place: str) -> None:
    page = at_page(new_page, f"{url}/{place}")
    page.get_by_test_id("stFileUploader").get_by_test_id("stTooltipHoverTarget").hover()
    expect(page.get_by_role("tooltip")).to_contain_text(f"t most {MOST_MB} MB")
