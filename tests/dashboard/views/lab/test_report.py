"""The report: it holds every card of the page in its state of the moment, and nothing in it reaches outside."""

import json
import re
from html import unescape

import numpy as np

from dashboard.charts import style
from dashboard.state.session import Card, Cards
from dashboard.views.lab import report
from dashboard.words.labels import LABELS
from nncore import Fork, History, RunConfig, run
from nncore.diagnosis import verdict
from tests.dashboard.lab import SMALL, element, opened

CONFIG = RunConfig(dataset="circles", hidden=(4,) * 12, activation="sigmoid", steps=4, n_samples=40)


def card(title: str, values: np.ndarray | None = None) -> Card:
    y = np.array([1.0, np.nan, np.inf]) if values is None else values
    return Card(title, "its subtitle", "its note", {"data": [{"type": "scatter", "y": y}], "layout": {}}, 300)


def made(history: History, record: int, cards: list[Card], notes: str, look: style.Style) -> str:
    return report.page(history, record, verdict(history, record), cards, notes, look)


def test_a_section_that_is_drawn_again_starts_anew_and_keeps_its_place() -> None:
    cards = Cards()
    cards.add("lost", card("before any section"))
    cards.begin("top")
    cards.add("a", card("A"))
    cards.begin("charts", record=3)
    cards.add("b", card("B"))
    cards.add("c", card("C"))
    assert [each.title for each in cards.drawn()] == ["A", "B", "C"]
    cards.begin("charts", record=2)
    cards.add("c", card("C again"))
    assert [each.title for each in cards.drawn()] == ["A", "C again"]
    assert cards.record == 2


def test_page_says_what_happened_why_and_with_which_settings() -> None:
    text = made(run(CONFIG), 4, [card("Gradient flow")], "my own words", style.LIGHT)
    assert "<p>Gradients vanish. At step 4: Layer 1 receives" in text
    assert "<strong>Gradients vanish.</strong>" in text
    assert "activation=&quot;sigmoid&quot;" in text
    assert "my own words" in text and "its note" in text
    assert "?depth" not in text and "n_samples=40" in text
    settings = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    assert set(LABELS.values()) == {unescape(each) for each in settings}
    assert (settings["Activation"], settings["Optimizer"], settings["Learning rate"]) == ("sigmoid", "sgd", "0.1")


def test_what_a_reader_writes_and_a_data_set_names_is_plain_text() -> None:
    hostile = "</script><script>alert(1)</script>"
    text = made(run(CONFIG), 0, [card(hostile)], hostile, style.DARK)
    after_library = text[text.index("</head>") :]
    assert "<script>alert" not in after_library
    named = Card("x", "", "", {"data": [{"type": "scatter", "y": np.ones(2), "name": hostile}], "layout": {}}, 300)
    drawn = made(run(CONFIG), 0, [named], "", style.DARK)
    assert "<script>alert" not in drawn[drawn.index("</head>") :]


def test_nothing_is_fetched_from_outside() -> None:
    text = made(run(CONFIG), 0, [card("A")], "", style.LIGHT)
    body = text[: text.index("<script>")] + text[text.index("</head>") :]
    assert not re.search(r"""(?:src|href)\s*=|url\(|@import""", body)


def test_figures_keep_their_numbers() -> None:
    values = np.linspace(0, 1, 7, dtype=np.float32)
    text = made(run(CONFIG), 0, [card("A", values)], "", style.LIGHT)
    found = re.search(r'"y":(\{"dtype":"f4","bdata":"[^"]+"\})', text.replace(" ", ""))
    assert found is not None
    from tests.conftest import decode

    np.testing.assert_array_equal(decode(json.loads(found[1].replace("\\u002f", "/"))), values)


def test_the_lab_collects_its_charts_as_they_stand() -> None:
    app = opened(**SMALL)
    element(app, "step").set_value(2).run()
    assert not app.exception
    cards: Cards = app.session_state["session"].cards
    titles = [each.title for each in cards.drawn()]
    assert titles[:3] == ["The network", "What it learned", "Gradient flow"] and titles[-1] == "θ over time"
    assert len(titles) == len(set(titles))
    assert cards.record == 2
    names = [trace.get("name") for trace in cards.drawn()[2].figure["data"]]
    assert "δ at step 2" in names


def test_another_page_keeps_no_cards() -> None:
    app = opened(**SMALL)
    app.switch_page("views/lecture/neuron.py").run()
    assert app.session_state["session"].cards.drawn() == []


def test_report_of_a_fork_names_no_link_that_would_train_something_else() -> None:
    history = run(Fork(CONFIG, at=2, activation="tanh"))
    text = made(history, 2, [card("Gradient flow")], "", style.LIGHT)
    assert "opens again in the lab from its history's file" in text
    assert "<code>?" not in text
