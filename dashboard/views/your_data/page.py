"""Your data: a CSV file, points clicked by hand, or a function drawn; kept in the session and opened in the lab."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.charts.style import Figure, Style
from dashboard.plot import plot
from dashboard.state import uploads
from dashboard.state.address import link
from dashboard.state.session import session
from dashboard.ui import card, theme
from dashboard.views.your_data import canvas, charts
from dashboard.words.markup import escape
from nncore import read_table
from nncore.data.table import MAX_CLASSES, Table, TableChoice

SHOWN, PART = "table_shown", "own"


# A file -----------------------------------------------------------------------------------------------------


def upload(look: Style) -> None:
    """Choose a file, see how it was read, say what is to be predicted from what."""
    choose, say = st.columns([2, 1], vertical_alignment="center")
    file = choose.file_uploader(
        "A CSV file",
        uploads.FILE_TYPES,
        key="table_file",
        max_upload_size=uploads.largest_mb(),
        help=f"Text with a column for each quantity and a row for each case, at most {uploads.largest_mb()} MB. Comma, semicolon, tab, "
        "| or blanks between columns, UTF-8, UTF-16 or Latin-1, decimal point or comma, thousands marks, units, percent and "
        "currency signs, comment lines on top: all recognised.",
    )
    header = say.segmented_control(
        "The first line holds",
        list(uploads.HEADERS),
        default="recognise",
        key="table_header",
        required=True,
        help="Names of the columns, or already values. Recognised, a first line with numbers in it is refused.",
    )
    codes = say.text_input(
        "Cells that hold no value",
        key="table_missing",
        placeholder="-999, unknown",
        help="Codes for a missing value in this file, with commas between. Empty cells, NA, n/a, null, none, ? and - are known.",
    )
    if file is not None:
        try:
            with st.spinner("Reading the file …"):
                table = uploads.read(file, uploads.HEADERS[header], codes)
        except ValueError as problem:
            st.error(f"This file cannot be used: {escape(str(problem))}.", icon=":material/block:")
            return
        if uploads.find(table.digest) is None or session().table_file != file.file_id:
            uploads.keep(table, file.name)
            st.session_state[SHOWN] = table.digest
        session().table_file = file.file_id
    uploaded = {digest: name for digest, (_, name) in uploads.on_shelf().items() if name}
    if not uploaded:
        with st.container(horizontal=True, vertical_alignment="center", key="no_file"):
            st.markdown("Nothing is uploaded yet. No file at hand?", width="content")
            for other in ("Click points", "Draw a function"):
                st.button(
                    other, key=f"instead_{other}", on_click=turn_to, args=(other,), icon=":material/arrow_forward:"
                )
        return
    digest = st.session_state.get(SHOWN)
    if digest not in uploaded:
        digest = next(reversed(uploaded))
    if len(uploaded) > 1:
        st.session_state[SHOWN] = digest
        digest = st.selectbox("Table", list(uploaded), format_func=uploaded.__getitem__, key=SHOWN)
    chosen_table(uploads.on_shelf()[digest][0], uploaded[digest], look)


def turn_to(part: str) -> None:
    """Show another part of the page in the next run."""
    st.session_state[PART] = part


def chosen_table(table: Table, name: str, look: Style) -> None:
    """How a file was read, its columns, the choice, and the way into the lab."""
    st.markdown(
        f"**{escape(name)}** :gray[{counted(table.rows_in_file, 'row')}, {counted(len(table.columns), 'column')}, "
        f"separated by {table.separator}, {table.encoding}]"
    )
    first, columns = st.columns(2)
    with first:
        st.caption("The first rows, as they stand in the file")
        st.dataframe(uploads.head(table), hide_index=True, height=248)
    with columns:
        st.caption("The columns, as they were read")
        st.dataframe(uploads.summary(table), hide_index=True, height=248)
    pick, seen = st.columns([2, 3], gap="medium")
    with pick:
        choice = choices(table)
    if choice is None:
        return
    session().table_choices[table.digest] = choice
    with pick:
        open_in_lab(choice)
    with seen:
        measured = uploads.target_counts(choice)
        figure = charts.target(measured, choice.dataset.classes or (), choice.target_column.name, look)
        card.show("target", charts.TARGET, measured, figure, finding=uploads.to_beat(choice, measured), height=260)


def counted(number: int, thing: str) -> str:
    """How many of a thing, in words."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def choices(table: Table) -> TableChoice | None:
    """Target, task and inputs; None, with a sentence on the page, when they cannot be learned."""
    try:
        before = session().table_choices.get(table.digest) or table.choose()
    except ValueError as problem:
        st.error(f"This table cannot be learned: {escape(str(problem))}.", icon=":material/block:")
        return None
    names = list(table.names)
    target = st.selectbox(
        "Target",
        names,
        names.index(before.target_column.name),
        key=f"target_{table.digest}",
        help="The column that the network learns to predict.",
    )
    same = target == before.target_column.name
    key = f"{table.digest}_{names.index(target)}"
    recognised = before.task if same else table.task_of(target)
    task = st.segmented_control(
        "Task",
        ["classification", "regression"],
        default=recognised,
        key=f"task_{key}",
        required=True,
        help=f"Recognised from the target: text and few whole numbers are classes, at most {MAX_CLASSES}. Change it "
        "where a number only names a class, or where few numbers are a quantity.",
    )
    others = [name for name in names if name != target]
    suggested = before.input_columns if same else table.suggested_inputs(target)
    inputs = st.multiselect(
        "Inputs",
        others,
        [column.name for column in suggested if column.name != target],
        key=f"inputs_{key}",
        help="What the target is predicted from. Columns that say nothing are left out at first: the same in every "
        "row, a number of the row, or text that hardly repeats.",
    )
    try:
        return table.choose(target, inputs, task)
    except ValueError as problem:
        st.error(f"This choice cannot be learned: {escape(str(problem))}.", icon=":material/block:")
        return None


def open_in_lab(choice: TableChoice) -> None:
    """What is done to the columns, and the link to the lab."""
    try:
        config = uploads.config_for(choice)
    except ValueError as problem:
        st.error(f"This choice cannot be learned: {escape(str(problem))}.", icon=":material/block:")
        return
    rows, width = choice.dataset.max_samples or 0, choice.dataset.n_features
    drawn_rows = (
        f"{config.n_samples:,} of {rows:,} rows are drawn with the run's seed; Samples in the lab's sidebar takes more."
        if rows > config.n_samples
        else f"All {rows:,} rows are used."
    )
    said = [
        drawn_rows,
        *choice.notes(),
        f"The network gets {width:,} {'input' if width == 1 else 'inputs'}, standardized on the training rows.",
    ]
    if st.button("Train on it in the lab", key="to_lab", type="primary", icon=":material/science:"):
        st.switch_page("views/lab/page.py", query_params=link(config))
    st.caption("\n".join(f"- {escape(each)}" for each in said))


# By hand ----------------------------------------------------------------------------------------------------


def click_points(look: Style) -> None:
    """Points of up to four classes, by click or by number."""
    now = session()
    if now.points is None:
        now.points = canvas.starting_points("Moons")
    points = now.points

    def add(x1: float, x2: float) -> None:
        points.append((x1, x2, st.session_state["point_class"]))
        del points[: -canvas.MOST]

    def choose_class() -> None:
        st.segmented_control("Class of the next point", canvas.CLASSES, default="A", key="point_class", required=True)

    about = "**Your points** :gray[click where the next one of the chosen class goes]"
    alt = f"Your points, {len(points)} so far."
    with drawing("points", about, alt, charts.points(points, look), add, above=choose_class):
        by_number("x₁", "x₂", "point", add)
        edit(points, "point", canvas.POINT_STARTS, canvas.starting_points)
        classes = {name for *_, name in points}
        if len(points) < 4 or len(classes) < 2:
            st.info("At least four points and two classes are needed.", icon=":material/info:")
        else:
            content = canvas.points_csv(points)
            take_along(read_table(content).choose("class", ["x1", "x2"], "classification"), content, "points.csv")


def draw_function(look: Style) -> None:
    """A function of one input through places set by click or by number."""
    now = session()
    if now.knots is None:
        now.knots = canvas.starting_knots("Sine")
    knots = now.knots

    def add(x: float, y: float) -> None:
        knots[:] = canvas.with_knot(knots, x, y)[: canvas.MOST]

    about = "**Your function** :gray[click where it goes through]"
    alt = f"Your function through {len(knots)} places."
    with drawing("function", about, alt, charts.function(knots, look), add):
        by_number("x", "y", "knot", add)
        edit(knots, "knot", canvas.CURVE_STARTS, canvas.starting_knots)
        if len(knots) < 2 or len({y for _, y in knots}) < 2:
            st.info("At least two places of different height are needed.", icon=":material/info:")
        else:
            content = canvas.curve_csv(knots)
            take_along(read_table(content).choose("y", ["x"], "regression"), content, "function.csv")


def drawing(
    key: str,
    about: str,
    alt: str,
    figure: Figure,
    add: Callable[[float, float], None],
    above: Callable[[], None] | None = None,
) -> DeltaGenerator:
    """The canvas, which adds what is clicked; the column beside it, for its tools."""
    left, tools = st.columns([3, 2], gap="medium")
    with left, st.container(border=True, key=f"card_{key}"):
        st.markdown(about)
        if above:
            above()
        plot(
            figure,
            key=key,
            alt=f"{alt} The fields beside it add one by number.",
            height=round(430 * theme.current().scale),
            on_click=lambda place: add(place["x"], place["y"]),
        )
    return tools


def by_number(first: str, second: str, key: str, add: Callable[[float, float], None]) -> None:
    """Two fields and a button: what a click does, for the keyboard."""
    reach = canvas.REACH
    left, right, button = st.columns([2, 2, 1], vertical_alignment="bottom")
    left.number_input(first, -reach, reach, 0.0, 0.25, key=f"{key}_first")
    right.number_input(second, -reach, reach, 0.0, 0.25, key=f"{key}_second")
    button.button(
        "Add",
        key=f"{key}_add",
        icon=":material/add:",
        on_click=lambda: add(st.session_state[f"{key}_first"], st.session_state[f"{key}_second"]),
    )


def edit(drawn: list, key: str, starts: dict, start: Callable[[str], list]) -> None:
    """Take the last one back, clear all, or start from something known."""

    def restart(name: str) -> None:
        drawn[:] = start(name)

    with st.container(horizontal=True, gap="small"):
        st.button(
            "Remove last", key=f"{key}_undo", icon=":material/undo:", on_click=lambda: drawn.pop(), disabled=not drawn
        )
        st.button("Clear", key=f"{key}_clear", icon=":material/delete:", on_click=drawn.clear, disabled=not drawn)
    st.caption("Start from")
    with st.container(horizontal=True, gap="small"):
        for name in starts:
            st.button(name, key=f"{key}_start_{name}", on_click=restart, args=(name,))


def take_along(choice: TableChoice, content: bytes, file_name: str) -> None:
    """Keep what was drawn with the session, and offer it to the lab and as a file."""
    uploads.keep(choice.rows(), "")
    with st.container(border=True, key="take"):
        open_in_lab(choice)
        st.download_button(
            "Save as CSV",
            content,
            file_name,
            "text/csv",
            key="drawn_csv",
            on_click="ignore",
            icon=":material/download:",
            help="A link to the run opens again with this file, in any session.",
        )


PARTS = {"Upload a CSV": upload, "Click points": click_points, "Draw a function": draw_function}

st.title("Your data", anchor=False)
st.markdown(
    "Train the lab's networks on data of your own: upload a table, click points or draw a function, then open it in the "
    "lab. It stays in this session: no link and no other reader gets it, and it is gone when you close the page."
)
part = st.segmented_control(
    "Where the data comes from",
    list(PARTS),
    default="Upload a CSV",
    key=PART,
    bind="query-params",
    label_visibility="collapsed",
    required=True,
)
PARTS[part](theme.current())
