"""The static site in Chromium, opened from a folder without a network: the app's components on the numbers of nncore."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from dashboard.charts.network import light, log10
from dashboard.site.content import Site
from dashboard.site.grid import BASE, Grid
from dashboard.site.lessons import read_link
from dashboard.site.writing import write_site
from dashboard.state.lessons import Lesson, Part
from dashboard.views.lab.headline import tiles
from nncore import History, measures, run
from nncore.diagnosis import verdict
from nncore.experiments import EXPERIMENTS
from nncore.measures.drawn_network import drawn_network
from tests.browser.helpers import figure_data, player_button, set_speed, wait_painted
from tests.browser.test_lab import wait_for_line

MOST_BYTES_AT_FIRST = 1_000_000

SMALL = BASE.replace(hidden=(6,) * 3, steps=40, record_every=2, n_samples=60)
GRID = Grid(("sigmoid", "tanh"), ("xavier_normal",), (3, 5), (1.0, 2.0), SMALL)

SETTINGS = (("depth", "2"), ("width", "4"), ("steps", "10"), ("n_samples", "40"))
LESSON = Lesson(
    "Where does it go?",
    "A lesson of two parts.",
    (),
    ("network",),
    (
        Part(SETTINGS, 0, "This is sigmoid."),
        Part((*SETTINGS, ("activation", "tanh")), 10, "More arrives.", "And tanh?", ("less", "more"), 1),
    ),
)
ADDRESS = f"http://localhost:8501/?{urlencode(LESSON.query())}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small site."""
    folder = tmp_path_factory.mktemp("site")
    write_site(folder, Site(GRID, ("depth",), (read_link(ADDRESS),)))
    return folder


@pytest.fixture
def open_site(folder: Path, new_page: Callable[..., Page]) -> Callable[..., Page]:
    """A page of the site by what follows the # in its address; no request may leave the folder."""

    def open_page(state: str = "", *options: object, **named: object) -> Page:
        page = new_page(*options, **named)
        page.context.set_offline(True)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.add_init_script(
            """new MutationObserver((_, observer) => {
                if (!document.querySelector(".nncore-network [data-edge]")) return;
                window.atFirst = [...document.scripts, ...document.querySelectorAll("link[rel=stylesheet]")].map(e => e.src || e.href);
                observer.disconnect();
            }).observe(document, {subtree: true, childList: true});"""
        )
        page.goto(f"{folder.as_uri()}/index.html{state and '#'}{state}")
        return page

    return open_page


def history(**changes: object) -> History:
    return run(SMALL.replace(**changes))


def explored(activation: str = "sigmoid", depth: int = 3, gain: int = 1, **more: object) -> str:
    return f"explore?{urlencode({'activation': activation, 'init': 'xavier_normal', 'depth': depth, 'gain': gain, **more})}"


def wait_step(page: Page, step: int, of: int = 40) -> None:
    """Wait until the page stands on a step, and its address says so."""
    expect(page.locator(".st-key-step_box output")).to_have_text(f"{step} of {of}")
    page.wait_for_function(
        "step => new URLSearchParams(location.hash.split('?')[1]).get('step') === step", arg=str(step)
    )


@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1400, False), (1400, True)])
def test_opens_from_a_folder_and_fetches_little_before_its_first_picture(
    open_site: Callable[..., Page], folder: Path, width: int, dark: bool
) -> None:
    page = open_site("", width, 844, dark=dark)
    wait_painted(page, "chart_flow")
    wait_painted(page, "chart_loss")
    assert all(url.startswith(f"{folder.as_uri()}/") for url in page.asked if not url.startswith(("data:", "blob:")))
    at_first = [Path(url.removeprefix("file://")) for url in page.evaluate("window.atFirst")]
    assert {path.name for path in at_first} >= {"site.js", "site.css", "catalogue.js", "sigmoid-xavier_normal-3-1.js"}
    assert "plotly.min.js" not in {path.name for path in at_first}
    assert sum(path.stat().st_size for path in [folder / "index.html", *at_first]) < MOST_BYTES_AT_FIRST
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for key in ("network", "flow", "loss"):
        box = page.locator(f"#chart_{key}").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(16, 20, 28)" if dark else "rgb(255, 255, 255)")


def test_numbers_are_those_of_the_app(open_site: Callable[..., Page]) -> None:
    page = open_site(explored("tanh", 5, 2, step=20))
    wait_painted(page, "chart_flow")
    ours = history(activation="tanh", hidden=(6,) * 5, gain=2.0)
    record = ours.nearest(20)
    flow = measures.gradient_flow(ours, record)
    traces = {trace["name"]: trace["y"] for trace in figure_data(page, "chart_flow")["data"]}
    for row, step in enumerate((0, 20)):
        np.testing.assert_array_equal(traces[f"δ at step {step}"], flow["delta_norm"][row])
        np.testing.assert_array_equal(traces[f"∂E/∂W at step {step}"], flow["weight_gradient_norm"][row])
    loss = {trace["name"]: trace["y"] for trace in figure_data(page, "chart_loss")["data"] if trace["name"] == "test"}
    assert len(loss["test"]) == 21
    measured = drawn_network(ours, record)
    lines = page.locator(".nncore-network line[data-edge]").evaluate_all(
        "lines => lines.map(line => [line.getAttribute('stroke-opacity'), line.hasAttribute('stroke-dasharray')])"
    )
    shown = [float(opacity) for opacity, _ in lines]
    np.testing.assert_allclose(shown, 0.05 + 0.95 * light(log10(measured["gradient"])), atol=1e-3)
    assert [dashed for _, dashed in lines] == (measured["weight"] < 0).tolist()
    wanted = [tile.value for tile in tiles(ours, record, verdict(ours, record))]
    assert page.locator(".nncore-following-tile strong").all_inner_texts() == wanted


def test_pointer_is_told_three_digits_of_an_edge(open_site: Callable[..., Page]) -> None:
    page = open_site(explored(step=40))
    page.locator("line[data-edge='0']").dispatch_event("pointermove", {"bubbles": True})
    weight = drawn_network(history(), 20)["weight"][0]
    said = page.locator(".nncore-network-tip").inner_text()
    told = float(said.split("=")[1].split("\n")[0].strip().replace("−", "-"))
    assert told == pytest.approx(weight, rel=2e-3)


def test_player_moves_every_chart_and_the_step(open_site: Callable[..., Page]) -> None:
    page = open_site(explored(step=40))
    wait_painted(page, "chart_flow")
    player_button(page, "First step").click()
    wait_step(page, 0)
    player_button(page, "One record forward").click()
    wait_step(page, 2)
    page.locator(".st-key-step_box input").focus()
    page.keyboard.press("End")
    wait_step(page, 40)
    set_speed(page, "4")
    page.evaluate(
        """() => { window.frames_drawn = new Set();
        new MutationObserver(() => window.frames_drawn.add(document.querySelector(".nncore-network").dataset.frame))
            .observe(document.querySelector(".nncore-network"), {attributes: true, attributeFilter: ["data-frame"]}); }"""
    )
    player_button(page, "Play").click()
    page.wait_for_function("() => window.frames_drawn.size > 2 && !document.body.classList.contains('nncore-playing')")
    wait_step(page, 40)
    wait_for_line(page, "δ at step 40")


def test_a_playing_that_is_paused_stands_on_its_step(open_site: Callable[..., Page]) -> None:
    page = open_site(explored(step=0))
    wait_painted(page, "chart_flow")
    page.get_by_role("combobox", name="Speed").evaluate(
        "select => { select.add(new Option('slow', '0.2')); select.value = '0.2'; }"
    )
    player_button(page, "Play").press("Enter")
    page.wait_for_function("() => document.querySelector('.nncore-network').dataset.frame >= 1")
    player_button(page, "Pause").press("Enter")
    page.wait_for_function("() => !document.body.classList.contains('nncore-playing')")
    step = int(page.locator(".st-key-step_box output").inner_text().split()[0])
    assert 0 < step < 40
    wait_step(page, step)


def test_a_link_opens_the_same_state_and_back_the_one_before(open_site: Callable[..., Page]) -> None:
    page = open_site(explored(step=10))
    page.locator("select[name=activation]").select_option("tanh")
    page.locator("select[name=depth]").select_option("5")
    expect(page.locator("select[name=depth]")).to_have_value("5")
    player_button(page, "One record forward").click()
    wait_step(page, 12)
    said = page.locator(".nncore-network output").inner_text
    page.locator('.nncore-network[data-pulse="arrived"]').wait_for()
    again = open_site(page.url.partition("#")[2], reduced_motion=True)
    for name, value in {"activation": "tanh", "init": "xavier_normal", "depth": "5", "gain": "1"}.items():
        expect(again.locator(f"select[name={name}]")).to_have_value(value)
    wait_step(again, 12)
    expect(again.locator(".nncore-network output")).to_have_text(said())
    page.go_back()
    expect(page.locator("select[name=depth]")).to_have_value("3")
    expect(page.locator("select[name=activation]")).to_have_value("tanh")


def test_run_before_stays_as_a_ghost(open_site: Callable[..., Page]) -> None:
    page = open_site(explored(step=40))
    ghost = page.locator(".nncore-network polyline.ghost")
    assert not ghost.get_attribute("points")
    page.locator("select[name=activation]").select_option("tanh")
    page.wait_for_function(
        "() => document.querySelector('polyline.ghost')?.getAttribute('points').split(' ').length === 4"
    )


def test_a_value_that_is_not_there_is_named(open_site: Callable[..., Page]) -> None:
    page = open_site(explored("rleu"))
    expect(page.locator(".message")).to_contain_text(
        "sets Activation to “rleu”, which is not on this page: sigmoid is taken"
    )
    expect(page.locator("select[name=activation]")).to_have_value("sigmoid")
    page = open_site("experiment?name=dpeth")
    expect(page.locator(".message")).to_contain_text("There is no experiment “dpeth”")


def test_experiments_show_claim_picture_and_both_runs(open_site: Callable[..., Page]) -> None:
    page = open_site()
    page.get_by_role("link", name="Experiments").click()
    card, experiment = page.locator(".gallery .card"), EXPERIMENTS["depth"]
    expect(card).to_contain_text(experiment.title)
    assert experiment.claim in card.inner_text().replace("\u00a0", " ")
    expect(card.locator("svg polyline")).to_have_count(2)
    card.get_by_role("link", name="Counterpart: 1 layer").click()
    wait_painted(page, "chart_flow")
    expect(page.locator(".st-key-step_box output")).to_have_text(f"{experiment.step} of 400")
    traces = {trace["name"]: trace["y"] for trace in figure_data(page, "chart_flow")["data"]}
    ours = run(experiment.against)
    flow = measures.gradient_flow(ours, ours.nearest(experiment.step))
    np.testing.assert_array_equal(traces["δ at step 400"], flow["delta_norm"][1])
    page.get_by_role("link", name="4 layers").click()
    expect(page.locator(".nncore-network text[data-layer='5']")).to_be_attached()


def test_lesson_asks_before_it_shows(open_site: Callable[..., Page]) -> None:
    page = open_site("lessons")
    expect(page.get_by_role("heading", level=1)).to_have_text(LESSON.title)
    expect(page.locator(".about")).to_contain_text("This is sigmoid.")
    expect(page.locator("#chart_flow")).to_have_count(0)
    page.get_by_role("button", name="Next").click()
    page.get_by_label("less").check()
    page.get_by_role("button", name="Show the answer").click()
    expect(page.locator(".about")).to_contain_text("No. Right: more")
    expect(page.locator(".about")).to_contain_text("More arrives.")
    expect(page.locator(".st-key-step_box output")).to_have_text("10 of 10")
    page.get_by_role("button", name="Back", exact=True).click()
    expect(page.get_by_label("less")).to_be_checked()


def test_a_run_that_is_not_there_is_said_in_a_sentence(
    folder: Path, new_page: Callable[..., Page], tmp_path: Path
) -> None:
    for path in folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    page = new_page(expected_errors=("ERR_FILE_NOT_FOUND", "is not beside this page"))
    page.goto(f"{tmp_path.as_uri()}/index.html")
    expect(page.locator(".message")).to_have_text(
        "This could not be shown: the file runs/sigmoid-xavier_normal-3-1.js is not beside this page."
    )
