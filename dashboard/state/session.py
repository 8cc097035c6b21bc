"""What a session remembers besides the values of its widgets, and what happens to it when another page begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.jobs import progress
from dashboard.jobs.measurements import measurements
from dashboard.jobs.registry import runs
from dashboard.state import lessons
from dashboard.state.lessons import Part

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.charts.style import Figure
    from dashboard.jobs.measurements import BackgroundMeasurement
    from dashboard.state.undo import Trail
    from dashboard.state.uploads import Shelf
    from nncore import History, RunConfig
    from nncore.data.table import Table, TableChoice
    from nncore.diagnosis import Remedy
    from nncore.model.layout import Array
    from nncore.recorders.recorded import Recorded

T = TypeVar("T")

KEY = "session"
"""The one key of Streamlit's session state that is no widget's."""

STEP = "step"
"""Key of the step slider: a page about the same run opens on the same step."""

PIN, MOST_PINS = "pin", 8
"""Query parameter of a pinned run, and how many there can be."""

LAB, EXPERIMENT = "", "experiment"
"""Address of the lab, the default page, and the query parameter of an experiment that it shows."""

LARGE = "large"
"""Query parameter and key of the switch of the projector view."""

SEE = "see"
"""Query parameter that says what to bring into sight: the key of an element of the page."""

CAME_FOR = (*lessons.PARAMETERS, EXPERIMENT)
"""Query parameters of the lab that say what its reader came for."""


# What the page has drawn ------------------------------------------------------------------------------------


@dataclass
class PageLayout:
    """What a lesson or an experiment has chosen for a page.

    `first` names the charts that stand at the top, `shown` all that are drawn (None: every one). `places` holds
    the containers of the first ones, `drawn` what can be drawn: key -> title, `folded` what is not, as its group is
    folded.
    """

    first: tuple[str, ...] = ()
    shown: tuple[str, ...] | None = None
    places: dict[str, Any] = field(default_factory=dict)
    drawn: dict[str, str] = field(default_factory=dict)
    folded: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Card:
    """One chart as it stood on the page."""

    title: str
    subtitle: str
    caption: str
    figure: Figure
    height: int
    still: str = ""
    """The chart as an SVG, where its figure is none of Plotly's."""


@dataclass
class Cards:
    """Cards by section and key, in the order in which they were drawn; a section that is drawn again starts anew."""

    sections: dict[str, dict[str, Card]] = field(default_factory=dict)
    current: str = ""
    record: int = 0

    def begin(self, section: str, record: int = 0) -> None:
        """From here on cards belong to this section, which stands on a record of the history."""
        self.current, self.record = section, record
        self.sections[section] = {}

    def add(self, key: str, card: Card) -> None:
        """Remember a card; on a page that begins no section none is remembered."""
        if self.current:
            self.sections[self.current][key] = card

    def drawn(self) -> list[Card]:
        """All cards, top to bottom."""
        return [card for section in self.sections.values() for card in section.values()]


@dataclass(frozen=True)
class Sought:
    """What is to be brought into sight: the element under `key`, anew at each `turn`.

    `asked` is what was heard last from the address: the page, its SEE and its EXPERIMENT.
    """

    asked: tuple[str, str, str] = ("", "", "")
    key: str = ""
    turn: int = 0


@dataclass(frozen=True)
class SeenRun:
    """What stays of a run that the lab has shown: its δ norms (n_layers,) at the step that was looked at last."""

    config: RunConfig
    step: int
    delta_norm: Array


# The session ------------------------------------------------------------------------------------------------


@dataclass
class Session:
    """What a session remembers besides the values of its widgets."""

    page: str | None = None
    """Address of the page that was drawn last."""
    page_title: str = ""
    title: str = ""
    """What the page is called, and the tab that shows it."""
    widgets: dict[str, Any] = field(default_factory=dict)
    """Key -> value of the widgets with which the next page opens: the set-up, the step, and more that pages share."""
    brings: bool = False
    """Has the page still to take them? It does where the sidebar is drawn for the first time."""
    unfolded: set[str] = field(default_factory=set)
    """Groups of the sidebar that have been unfolded once: from then on their widgets are drawn."""
    folded: list[tuple[DeltaGenerator, Callable[[], None]]] = field(default_factory=list)
    """What this run has still to draw in them: the place of each, and what draws it."""
    told: list[str] = field(default_factory=list)
    """Parameters with which the address was told of them in this run."""
    stands: dict[str, tuple[Any, tuple[float, float] | None]] = field(default_factory=dict)
    """Key -> the default and the range that its widget had when it was drawn last, as far as they follow the run."""
    comes_back: bool = False
    """Has the browser gone back or forth to what this run draws?"""
    endless: dict[str, list[str]] = field(default_factory=dict)
    """What was dropped from the address before a widget could refuse it."""
    not_taken: tuple[list[str], dict[str, Any]] | None = None
    """Sentences about what the address asked for in vain, and the settings that were taken."""
    pins: list[str] = field(default_factory=list)
    """The pinned runs as the address writes them."""
    lesson_parts: list[Part] = field(default_factory=list)
    """The parts of the lesson that is being made."""
    lesson_choices: dict[int, int] = field(default_factory=dict)
    """Part of the lesson that is shown -> the choice that was predicted."""
    came_for: dict[str, str] = field(default_factory=dict)
    """Query parameters of the lesson or the experiment that the lab shows."""
    layout: PageLayout = field(default_factory=PageLayout)
    cards: Cards = field(default_factory=Cards)
    """The charts of the page, for its report."""
    large: bool = False
    """Is the page in the projector view?"""
    dialog: str = ""
    """Key of the button whose dialog is open; "" while none is."""
    sought: Sought | None = None
    """What was brought into sight last."""
    unfolded_at: int = 0
    """Its turn when a group was last unfolded for it."""

    seen: tuple[SeenRun, ...] = ()
    """The run that the lab shows, and before it the one that it showed last."""
    undo: Trail | None = None
    """The set-ups that the sidebar has had."""
    written: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Setting -> its values before and after the last change that a button made."""
    watched: dict[str, BackgroundMeasurement[Any]] = field(default_factory=dict)
    """Place on the page -> the background measurement that is drawn there."""
    remedy: tuple[Remedy, RunConfig] | None = None
    """The remedy that was taken last, and the set-up before it."""

    playing: str = ""
    """Name of the playing that the page shows, each another; "" while nothing is played."""
    playing_is_drawn: bool = False
    playings: int = 0
    loading: bool = False
    """Has the browser asked for the frames, to draw them itself when the step slider moves?"""
    loaded: tuple[str, dict[str, Any]] | None = None
    """Name of the playing whose frames the browser has, and the widgets' values that they were drawn with."""

    tables: Shelf | None = None
    table_read: tuple[tuple[str, bool | None, str], Table | str] | None = None
    """(id of the uploaded file, has it a header), and the table in it or why there is none."""
    table_file: str | None = None
    """Id of the file that the page of own data showed last."""
    table_choices: dict[str, TableChoice] = field(default_factory=dict)
    """Digest -> target, task and inputs that were chosen last."""
    points: list[tuple[float, float, str]] | None = None
    knots: list[tuple[float, float]] | None = None
    """Points and function drawn by hand; None before the page has shown any."""

    history_read: tuple[str, History] | None = None
    """Id of the uploaded file, and the history in it, until the page is left."""
    recorded: dict[str, tuple[str, Recorded]] = field(default_factory=dict)
    """Widget of the page of own models -> the file chosen there and the recorded run in it."""
    opened: dict[RunConfig, str] = field(default_factory=dict)
    """Settings of the histories that were opened from files -> file name."""

    fork_suggested: tuple[RunConfig, dict[str, Any]] | None = None
    """The run for which the fork page has suggested changes, and these."""
    fork_unknown: list[str] = field(default_factory=list)
    """Settings that the fork page's address changes and that a fork has not, until a reader chooses others."""
    fork_untried: RunConfig | None = None
    """The run for which the search for a suggestion was stopped."""
    network_point: tuple[float, float] | None = None
    """The network's weight and bias variance that the fields of the propagation page have followed."""
    map_run: RunConfig | None = None
    map_refusal: str = ""
    """The run of the map's cell that was clicked, and why it cannot be opened, until the next run of the page."""


def session() -> Session:
    """What this session remembers."""
    found: Session | None = st.session_state.get(KEY)
    if found is None:
        found = st.session_state.setdefault(KEY, Session())
        _empty_when_left(found)
    return found


def _empty_when_left(made: Session) -> None:
    """Have all of it forgotten, uploaded files too, when its reader has left for good."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return
    files, state, own = context.uploaded_file_mgr, context.session_state, context.session_id

    def empty() -> None:
        vars(made).update(vars(Session()))
        for key in list(state.filtered_state):  # a widget's value may be a file
            del state[key]
        files.remove_session_files(own)

    runs().hold(own, empty)


def values(but: str) -> dict[str, Any]:
    """What the page's widgets stand on, without one of them: numbers, words, switches and choices."""
    return {
        str(key): value
        for key, value in st.session_state.to_dict().items()
        if key != but and isinstance(value, str | int | float | list | tuple | None)
    }


def peek(
    key: str, default: T, options: Mapping[str, T] | None = None, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> T:
    """The value that a widget bound to the address has when it is drawn further down the page.

    `default` and `bounds` are the widget's own, `options` its options by their labels. On a page's first run the
    address says it, in which Streamlit ignores what does not fit.
    """
    value: T | None = st.session_state.get(key)
    if value is not None:
        return value
    texts = [] if key in st.session_state else st.query_params.get_all(key)
    if options is not None:
        return next((options[text] for text in texts if text in options), default)
    found: Any = default
    if texts and isinstance(default, bool):
        found = {"true": True, "false": False}.get(texts[-1].lower(), default)
    elif texts and isinstance(default, str):
        found = texts[-1]
    elif texts and isinstance(default, int | float):
        with suppress(ValueError, OverflowError):
            number = type(default)(float(texts[-1]))
            found = number if bounds[0] <= number <= bounds[1] else default
    return cast(T, found)


def settle(key: str, default: Any, bounds: tuple[float, float] | None = None) -> None:
    """Let a widget that nobody has moved go along with its default, and one that was moved stay within its range.

    Call it before a widget bound to the address whose default or range depends on the run. Streamlit would keep the value
    and not tell the address of it, or take one that an earlier range left behind, on which a slider stops.
    """
    state, stands = st.session_state, session().stands
    before, now = stands.get(key), (default, bounds)
    stands[key] = now
    if key not in state:
        return
    value = state[key]
    is_inside = bounds is None or bounds[0] <= value <= bounds[1]
    if before != now or not is_inside:
        was_moved = before is None or value != before[0]
        state[key] = value if was_moved and is_inside else default


def stand_on(step: int) -> None:
    """Let the page show this step, be it the last one or not. Call it from a callback."""
    session().stands.pop(STEP, None)
    st.session_state[STEP] = step


# A page begins ----------------------------------------------------------------------------------------------


def begin_page(page: str, comes_back: bool = False) -> None:
    """Bring the session to the page at an address; call it in each run, before the page draws anything.

    Streamlit empties the address, and with it every bound widget, on the way from one page to another. Pins, the
    set-up, and on the lab what its reader came for are put back. What the address of the new page says takes the place
    of what the session has; a set-up in it takes the place of all of it.
    """
    forget_infinities()
    now = session()
    now.layout, now.cards = PageLayout(), Cards()
    has_changed = now.page not in (None, page)
    if has_changed or now.playing_is_drawn:  # settings may have changed
        now.playing = ""
    now.loaded = None
    if has_changed:
        progress.leave_others()
        now.dialog = ""
        for place in list(now.watched):
            measurements().leave(now.watched, place)
        now.network_point = None
        now.history_read = None
    now.comes_back, brings = comes_back, has_changed and not comes_back
    _bring_pins(now, brings)
    if page == LAB:
        _bring_what_was_come_for(now, brings)
    if brings:
        _bring_widgets(now)
        if now.large and LARGE not in st.query_params:
            st.session_state[LARGE] = True
    elif has_changed:
        now.brings = True
    now.page = page


def forget_infinities() -> None:
    """Drop infinite numbers from the address, on which Streamlit's whole-number inputs stop; others it drops itself."""
    endless = [key for key in st.query_params if key != PIN and any(map(_is_endless, st.query_params.get_all(key)))]
    for key in endless:
        session().endless[key] = st.query_params.get_all(key)
        del st.query_params[key]
    if endless:
        st.rerun()


def _is_endless(text: str) -> bool:
    try:
        return math.isinf(float(text))
    except ValueError:
        return False


def _bring_pins(now: Session, brings: bool) -> None:
    if brings and PIN not in st.query_params and now.pins:
        st.query_params[PIN] = now.pins
    now.pins = st.query_params.get_all(PIN)[: MOST_PINS + 1]


def _bring_what_was_come_for(now: Session, brings: bool) -> None:
    """Let a lesson or an experiment outlast a look at another page."""
    says_nothing = not set(st.query_params) - {PIN}
    if brings and says_nothing:
        st.query_params.update(now.came_for)
    else:
        now.came_for = {name: st.query_params[name] for name in CAME_FOR if name in st.query_params}


def _bring_widgets(now: Session) -> None:
    address = set(st.query_params) - {KEY}
    stale = address & set(
        st.session_state
    )  # an earlier visit's values, which would be taken for the widgets' to be drawn
    for key in stale:
        del st.session_state[key]
    now.brings = not now.widgets.keys() & address
    if now.brings:
        st.session_state.update(now.widgets)
    else:
        for key in now.widgets.keys() - address:
            st.session_state.pop(key, None)
