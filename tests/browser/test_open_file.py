"""A history saved in the lab, opened again after the page was loaded anew: the same numbers, and no one else's."""

from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from dashboard.state.address import FIRST_SIGHT, link
from nncore import History
from tests.browser.helpers import DEEP_LINK, figure_data, wait_idle, wait_painted
from tests.dashboard.lab import UNFOLDED
from tests.patience import until

SMALL = FIRST_SIGHT.replace(hidden=(5,) * 4, steps=12, n_samples=60, seed=3)
CHARTS = ("chart_flow", "chart_loss", "chart_total")


def numbers(page: Page) -> dict[str, list]:
    for key in CHARTS:
        wait_painted(page, key)
    wait_idle(page)
    return {key: [(trace.get("x"), trace.get("y")) for trace in figure_data(page, key)["data"]] for key in CHARTS}


def test_saved_history_opens_with_the_same_numbers_and_can_be_left(new_page, app_url: str, tmp_path: Path) -> None:
    page = new_page(expected_errors=DEEP_LINK)
    page.goto(f"{app_url}/?{urlencode(UNFOLDED | link(SMALL))}")
    before = numbers(page)
    page.get_by_role("radio", name=".parquet").click()
    with page.expect_download() as caught:
        page.get_by_role("button", name="History, Parquet").click()
    file = tmp_path / "taken away"
    caught.value.save_as(file)
    doubled = tmp_path / "<i>*doubled*.csv"  # Parquet under another name, and other numbers than a training's
    history = History.from_parquet(file)
    History(**{**vars(history), "loss": 2 * history.loss, "theta": history.theta * 0.5}).to_parquet(doubled)

    page.goto(f"{app_url}/open_file")
    page.locator("input[type=file]").set_input_files(file)
    opens = page.get_by_role("button", name="Open it in the lab")
    opens.click()
    leave = page.get_by_role("button", name="Train it here instead")
    leave.wait_for()
    assert numbers(page) == before

    page.goto(f"{app_url}/open_file")
    page.locator("input[type=file]").set_input_files(doubled)
    opens.click()
    expect(page.locator(".st-key-from_file")).to_contain_text("From the file <i>*doubled*.csv")
    assert numbers(page) != before
    leave.click()
    expect(leave).to_have_count(0)
    until(lambda: numbers(page) == before)


def test_what_was_left_out_is_said_before_and_after(new_page, app_url: str, tmp_path: Path) -> None:
    page = new_page(390, 844, expected_errors=DEEP_LINK)
    page.goto(f"{app_url}/?{urlencode(UNFOLDED | link(SMALL))}")
    panel = page.locator(".st-key-downloads")
    expect(panel).to_contain_text("rows, about")
    expect(panel).to_contain_text("opens in a spreadsheet. Nothing is left out.")
    panel.get_by_role("radio", name="Choose").click()
    expect(panel).to_contain_text("Left out: 6 of 13 recorded steps (every 2nd is in it).")
    panel.get_by_role("radio", name=".csv.gz").click()
    expect(panel).to_contain_text("short enough for a spreadsheet once it is unpacked")
    thinned = saved(page, "History, CSV, gzip", tmp_path / "thinned.csv.gz")
    assert History.from_csv(thinned).config == SMALL.replace(record_every=2)
    panel.get_by_role("radio", name="Gradient", exact=True).click()
    expect(panel).to_contain_text("Left out: 6 of 13 recorded steps (every 2nd is in it); θ. It is for a spreadsheet")
    part = saved(page, "History, CSV, gzip", tmp_path / "part.csv.gz")
    assert page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0

    page.goto(f"{app_url}/open_file")
    page.locator("input[type=file]").set_input_files(part)
    expect(page.get_by_role("alert")).to_contain_text(
        "this is a part of a history, 7 of 13 recorded steps, all 5 layers, the gradient without θ"
    )
    page.locator("input[type=file]").set_input_files(thinned)
    expect(page.locator(".st-key-history")).to_contain_text("Every 2 steps are recorded.")
    page.get_by_role("button", name="Open it in the lab").click()
    expect(page.locator(".st-key-from_file")).to_contain_text("From the file thinned.csv.gz")


def saved(page: Page, button: str, path: Path) -> Path:
    """The file that a button of the panel saves."""
    wait_idle(page)
    with page.expect_download() as caught:
        page.get_by_role("button", name=button).click()
    caught.value.save_as(path)
    return path


def test_a_file_near_the_limit_is_read_and_one_above_it_refused_in_a_sentence(
    new_page, app_url: str, tmp_path: Path
) -> None:
    near, above = tmp_path / "near.parquet", tmp_path / "above.parquet"
    for file, size in ((near, 199_000_000), (above, 201_000_000)):
        with file.open("wb") as opened:  # mostly a hole, so that it takes no disk
            opened.write(b"PAR1")
            opened.truncate(size)
    page = new_page(expected_errors=DEEP_LINK)
    page.goto(f"{app_url}/open_file")
    page.locator("input[type=file]").set_input_files(near)
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("its bytes do not read as Parquet")
    wait_idle(page)
    page.locator("input[type=file]").set_input_files(above)
    expect(page.get_by_test_id("stFileUploader")).to_contain_text("200.0MB or smaller")
    expect(page.get_by_test_id("stException")).to_have_count(0)
