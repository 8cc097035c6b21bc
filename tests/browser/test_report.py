"""The report, downloaded from the lab and opened from disk without a network."""

from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, expect

from dashboard.state.address import FIRST_SIGHT, link
from tests.browser.helpers import wait_idle, wait_painted
from tests.dashboard.lab import UNFOLDED
from tests.patience import PATIENCE

SMALL = FIRST_SIGHT.replace(hidden=(6,) * 6, steps=40, n_samples=60)


def test_report_opens_offline_with_notes_and_live_charts(
    page: Page, browser: Browser, app_url: str, tmp_path: Path
) -> None:
    page.goto(f"{app_url}/?{urlencode(UNFOLDED | link(SMALL) | {'step': '7'})}")
    wait_painted(page, "chart_theta")
    wait_idle(page)
    page.get_by_role("button", name="Report", exact=True).click()
    notes = page.get_by_role("textbox", name="Your notes")
    notes.fill("Seen <b>today</b>")
    page.get_by_role("button", name="Make the report").click()
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save it").click()
    file = tmp_path / "report.html"
    caught.value.save_as(file)

    context = browser.new_context(offline=True)
    context.set_default_timeout(PATIENCE * 1000)
    opened, errors = context.new_page(), []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", lambda request: errors.append(request.url) if request.url.startswith("http") else None)
    opened.goto(file.as_uri())
    expect(opened.get_by_role("heading", name="step 7")).to_have_count(2)
    expect(opened.get_by_text("Seen <b>today</b>")).to_be_visible()
    count = opened.locator("figure").count()
    expect(opened.locator("figure > svg, figure .main-svg").first).to_be_visible()
    opened.wait_for_function(
        "n => document.querySelectorAll('figure :is(.js-plotly-plot, svg[role=img])').length === n", arg=count
    )
    names = (
        opened.locator("figure")
        .filter(has_text="Gradient flow")
        .locator(".js-plotly-plot")
        .evaluate("graph => graph.data.map(trace => trace.name)")
    )
    assert "δ at step 7" in names
    assert not errors
    context.close()
