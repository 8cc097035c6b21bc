"""What is folded away in the sidebar comes when it is unfolded, as the address and other pages have set it."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.browser.helpers import wait_idle
from tests.browser.test_lab import open_lab, slider

MORE = "More about training"


def asked(page: Page) -> dict[str, str]:
    """What the address says of the settings that are looked at."""
    return {
        key: value for key, (value,) in parse_qs(urlsplit(page.url).query).items() if key in ("momentum", "clip_norm")
    }


def test_folded_widgets_come_with_the_values_of_the_address(page: Page, app_url: str) -> None:
    open_lab(page, app_url, momentum="0.5", clip_norm="2")
    momentum = page.locator(".st-key-momentum")
    expect(page.get_by_text(MORE)).to_be_visible()
    expect(momentum).to_have_count(0)
    assert asked(page) == {"momentum": "0.5", "clip_norm": "2"}
    page.get_by_text(MORE).click()
    expect(slider(page, "momentum")).to_have_value("0.5")
    expect(page.locator(".st-key-clip_norm input")).to_have_value("2")
    wait_idle(page)
    assert asked(page) == {"momentum": "0.5", "clip_norm": "2"}
    slider(page, "momentum").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**momentum=0.51**")
    wait_idle(page)
    assert asked(page) == {"momentum": "0.51", "clip_norm": "2"}
    page.get_by_text(MORE).click()
    wait_idle(page)
    assert asked(page) == {"momentum": "0.51", "clip_norm": "2"}


def test_folded_settings_come_along_from_page_to_page(page: Page, app_url: str) -> None:
    open_lab(page, app_url, momentum="0.5")
    page.get_by_text("Explore", exact=True).click()
    page.get_by_text("Neurons on the curve").click()
    page.wait_for_url("**/neurons?*")
    wait_idle(page)
    expect(page.locator(".st-key-momentum")).to_have_count(0)
    assert asked(page) == {"momentum": "0.5"}
    page.locator("summary", has_text=MORE).press("Enter")
    expect(slider(page, "momentum")).to_have_value("0.5")
