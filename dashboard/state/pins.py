"""Runs that a reader has pinned, up to eight, each with a name: they live in the address, as configs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode

import streamlit as st

from dashboard.state.address import FIELDS, from_link, link
from dashboard.state.session import MOST_PINS, PIN, session
from dashboard.words.labels import LABELS
from dashboard.words.markup import escape
from dashboard.words.settings import phrase, shape
from nncore import RunConfig
from nncore.config.run_config import TABLE
from nncore.experiments import Experiment
from nncore.measures.comparison import differences

NAME = "name"
LONGEST_NAME = 40
FORMULA = "=+-@"
"""What a name must not begin with: a spreadsheet would compute it."""


@dataclass(frozen=True)
class Pin:
    """A run to come back to, under a name."""

    name: str
    config: RunConfig


# The address ------------------------------------------------------------------------------------------------


def read() -> tuple[list[Pin], list[str]]:
    """(the pins in the address, a sentence for each that was left out)."""
    pins: list[Pin] = []
    problems: list[str] = []
    texts = st.query_params.get_all(PIN)
    for place, text in enumerate(texts[:MOST_PINS], 1):
        try:
            pin = decoded(text)
        except ValueError as problem:
            problems.append(f"Pin {place} of the link was left out: {problem}.")
            continue
        if pin.config in [known.config for known in pins]:
            problems.append(f"Pin {place} of the link was left out: its run is pinned already.")
            continue
        pins.append(replace(pin, name=unused(pin.name, pins)))
    if len(texts) > MOST_PINS:
        problems.append(
            f"The link holds {len(texts)} pins: only the first {MOST_PINS} were read, the most there can be."
        )
    return pins, problems


def write(pins: Sequence[Pin]) -> None:
    """Put pins into the address, in their order."""
    st.query_params[PIN] = session().pins = [encoded(pin) for pin in pins]


def query(pins: Sequence[Pin]) -> list[tuple[str, str]]:
    """The query parameters of a link to these pins."""
    return [(PIN, encoded(pin)) for pin in pins]


def of_experiment(experiment: Experiment) -> list[Pin]:
    """Both runs of an experiment, under the names that it has for them; crossed ones with the two that exchanged a setting."""
    pins = [Pin(experiment.label, experiment.config), Pin(experiment.against_label, experiment.against)]
    if experiment.crossed:
        (own, this), (other, that) = (pin.name.split(", ") for pin in pins)
        ours, theirs = experiment.exchanged()
        pins += [Pin(f"{own}, {that}", ours), Pin(f"{other}, {this}", theirs)]
    return pins


def may_travel(config: RunConfig) -> bool:
    """May this run be pinned, so that its config stands in the address and in every copied link?

    Only when the link alone describes all of it. Rows that a reader has uploaded are known to their session only:
    such a run never gets into an address, not even by its table's hash. Nor does a run that does not come back from
    its link unchanged. The one place that decides it.
    """
    if config.dataset == TABLE or config.table:
        return False
    try:
        return from_link(parse_qs(urlencode(link(config), doseq=True), True)) == config
    except ValueError:
        return False


def encoded(pin: Pin) -> str:
    """A pin as the value of its query parameter; raises ValueError for a run that may not travel."""
    if not may_travel(pin.config):
        raise ValueError("this run is not described by its link, so that it cannot be pinned")
    return urlencode({NAME: pin.name, **link(pin.config)}, doseq=True)


def decoded(text: str) -> Pin:
    """The pin in a query parameter; raises ValueError, in a sentence without its full stop, when there is none."""
    settings = parse_qs(text, keep_blank_values=True, max_num_fields=len(FIELDS) + 20)
    if not settings:
        raise ValueError("it is empty")
    if "table" in settings or settings.get("dataset") == [TABLE]:
        raise ValueError("a run on an uploaded table stays in its session")
    name = clean(settings.pop(NAME, [""])[0])
    config = from_link(settings)
    return Pin(name or proposed(config, []), config)


def compare_both(experiment: Experiment) -> None:
    """A link to the page that compares, on an experiment's runs."""
    both = of_experiment(experiment)
    st.page_link(
        "views/compare/page.py",
        label="Compare both" if len(both) == 2 else f"Compare all {len(both)}",
        icon=":material/stacked_line_chart:",
        query_params=query(both),
        help="These runs on shared axes, in place of the pinned ones.",
    )


# Names ------------------------------------------------------------------------------------------------------


def clean(name: str) -> str:
    """A name fit for a legend, a table and a spreadsheet: one line, no markup, no formula, not long."""
    text = "".join(each if each.isprintable() else " " for each in name)
    text = " ".join(text.replace("<", "‹").replace(">", "›").replace("&", "+").split())
    return text.lstrip(FORMULA + " ")[:LONGEST_NAME].strip()


def unused(name: str, pins: Sequence[Pin]) -> str:
    """The name, with a number behind it when another pin has it."""
    taken = {pin.name for pin in pins}
    numbered = (f"{name[: LONGEST_NAME - 4]} ({count})" for count in range(2, MOST_PINS + 2))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def proposed(config: RunConfig, pins: Sequence[Pin]) -> str:
    """A name from what a run is, and from what sets it apart from the pins of the same activation and shape."""
    name = _shape(config)
    alike = [pin.config for pin in pins if _shape(pin.config) == name]
    if alike:
        nearest = min(alike, key=lambda other: len(differences([other, config])))
        changed = differences([nearest, config]).keys() - {"activation", "hidden"}
        values = {field: config.loss_name if field == "loss" else getattr(config, field) for field in changed}
        name = ", ".join([name, *(phrase(field, values[field]) for field in LABELS if field in changed)])
    return unused(clean(name), pins)


def _shape(config: RunConfig) -> str:
    activation = config.activation if isinstance(config.activation, str) else "mixed"
    return f"{activation}, {shape(config.hidden, '-', most=6)}"


# The button -------------------------------------------------------------------------------------------------


def button(config: RunConfig) -> None:
    """Pin the run that is shown, and the way to the page that compares."""
    pins, _ = read()
    is_pinned = config in [pin.config for pin in pins]
    if is_pinned:
        help = "This run is pinned. Change a setting and pin again, or compare."
    elif len(pins) >= MOST_PINS:
        help = f"{MOST_PINS} runs are pinned, the most there can be: remove one on the Compare page."
    elif not may_travel(config):
        help = "This run cannot be pinned: its address does not describe it completely, or its data is your own."
    else:
        help = f"Keeps this run as '{escape(proposed(config, pins))}' in the address, to be compared with others."
    with st.container(horizontal=True, gap="small", width="content", vertical_alignment="center", key="pinning"):
        st.button(
            "Pinned" if is_pinned else "Pin",
            key="pin_this",
            on_click=add,
            args=(config,),
            help=help,
            icon=":material/keep:",
            disabled=is_pinned or len(pins) >= MOST_PINS or not may_travel(config),
        )
        if pins:
            st.page_link(
                "views/compare/page.py",
                label=f"Compare ({len(pins)})",
                icon=":material/compare_arrows:",
                query_params=query(pins),
            )


def add(config: RunConfig) -> None:
    """Pin a run under the name that is proposed for it."""
    pins, _ = read()
    if len(pins) < MOST_PINS and may_travel(config) and config not in [pin.config for pin in pins]:
        write(with_new(config, pins))


def with_new(config: RunConfig, pins: Sequence[Pin]) -> list[Pin]:
    """The pins and a new one; an earlier pin whose proposed name now says too little gets what sets it apart too."""
    name, others = _shape(config), list(pins)
    for place, pin in enumerate(pins):
        if pin.name == name == _shape(pin.config):
            rest = [*others[:place], *others[place + 1 :]]
            others[place] = replace(pin, name=proposed(pin.config, [*rest, Pin("", config)]))
    return [*others, Pin(proposed(config, others), config)]


def rename(place: int, name: str) -> None:
    """Give a pin another name; an empty one gives it back the proposed one."""
    pins, _ = read()
    if place < len(pins):
        others = [*pins[:place], *pins[place + 1 :]]
        name = unused(clean(name) or proposed(pins[place].config, others), others)
        write([*pins[:place], Pin(name, pins[place].config), *pins[place + 1 :]])


def remove(place: int) -> None:
    """Take a pin away."""
    pins, _ = read()
    write([*pins[:place], *pins[place + 1 :]])


def move_up(place: int) -> None:
    """Let a pin and the one before it change places."""
    pins, _ = read()
    if 0 < place < len(pins):
        write([*pins[: place - 1], pins[place], pins[place - 1], *pins[place + 1 :]])
