"""The chart component: what reaches the browser, what it refuses, what a click does."""

import datetime
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plotly.offline import get_plotlyjs_version
from streamlit.testing.v1 import AppTest

from dashboard.plot import encode, install_library, library, plot
from tests.conftest import click, decode, plots
from tests.patience import PATIENCE
from tests.plotly_left_out import left_out

# Arrays -> JSON -> arrays ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "sent_as"),
    [
        (np.array([1.5, -0.0, np.nan, np.inf, -np.inf, 1e-320, 5e300]), "f8"),
        (np.array([1.5, -0.0, np.nan, np.inf, -np.inf, 1e-42], np.float32), "f4"),
        (np.array([1.5, np.nan, np.inf, 6e-8], np.float16), "f4"),
        (np.array([-128, 127], np.int8), "i1"),
        (np.array([0, 255], np.uint8), "u1"),
        (np.array([-(2**31), 2**31 - 1]), "i4"),
        (np.array([-(2**31) - 1, 2**53]), "f8"),
        (np.array([0, 2**32], np.uint64), "f8"),
        (np.array([True, False]), "u1"),
        (np.array([1.0, 2.0], ">f8"), "f8"),
        (np.arange(6.0).reshape(2, 3), "f8"),
        (np.arange(6.0).reshape(2, 3).T, "f8"),
        (np.arange(24, dtype=np.uint8).reshape(2, 4, 3), "u1"),
        (np.arange(10.0)[::-3], "f8"),
    ],
    ids=lambda value: f"{value.dtype.str} {value.shape}" if isinstance(value, np.ndarray) else value,
)
def test_array_arrives_with_every_value(array: np.ndarray, sent_as: str) -> None:
    sent = json.loads(json.dumps(encode({"z": array}), allow_nan=False))
    assert sent["z"]["dtype"] == sent_as
    arrived = decode(sent)["z"]
    assert arrived.shape == array.shape
    np.testing.assert_array_equal(arrived, array.astype(arrived.dtype))
    np.testing.assert_array_equal(arrived.astype(array.dtype), array)
    if array.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(arrived), np.signbit(array))


def test_bytes_are_little_endian_and_shape_is_plotlys_text() -> None:
    assert encode(np.array([[1, 2]], ">i2")) == {"dtype": "i2", "bdata": "AQACAA==", "shape": "1,2"}


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (float("nan"), None),
        (-np.inf, None),
        (np.float64("inf"), None),
        (np.array(2.0), 2.0),
        (np.array([]), []),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["2026-01-31"], "M8[D]"), ["2026-01-31"]),
        (np.array([1.5, "a", None, np.nan], object), [1.5, "a", None, None]),
        ((1, [2.0, {"a": None}]), [1, [2.0, {"a": None}]]),
        ({1: "a"}, {"1": "a"}),
    ],
    ids=repr,
)
def test_other_values_become_plain_json(value: Any, sent: Any) -> None:
    assert json.dumps(encode(value), allow_nan=False) == json.dumps(sent)


def test_pandas_columns_are_arrays() -> None:
    column = pd.Series([1.0, np.nan])
    assert encode(column) == encode(column.to_numpy())


def test_equal_figures_are_sent_byte_for_byte_the_same() -> None:
    first, second = ({"data": [{"y": np.linspace(0, 1, 50)}]} for _ in range(2))
    assert json.dumps(encode(first)) == json.dumps(encode(second))


@pytest.mark.parametrize(
    "value", [1j, {1, 2}, object(), b"bytes", datetime.date(2026, 1, 31)], ids=lambda value: type(value).__name__
)
def test_what_json_cannot_hold_is_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match=f"a figure may hold None, text, .* of type {type(value).__name__}$"):
        encode({"data": [{"name": value}]})


def test_complex_array_is_refused_by_dtype() -> None:
    with pytest.raises(TypeError, match="real numbers, text or dates; got dtype complex128"):
        encode(np.array([1j]))


def test_four_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 3 dimensions; got shape \(1, 1, 1, 1\)"):
        encode(np.zeros((1, 1, 1, 1)))


# The component in an app ----------------------------------------------------------------------------------


def one_chart() -> None:
    import numpy as np
    import streamlit as st

    from dashboard.plot import plot

    scale = st.slider("scale", 1, 3)
    figure = {
        "data": [{"type": "scatter", "y": scale * np.array([1.0, np.nan], np.float32), "name": "layer 1"}],
        "layout": {"title": {"text": "A chart"}, "height": 260},
    }
    plot(figure, key="flow", alt="Two numbers.")
    plot({"data": []}, key="empty", alt="Nothing.", height=100)


def clickable_charts() -> None:
    import streamlit as st

    from dashboard.plot import plot

    def take(point: dict) -> None:
        st.session_state.layer = point["x"]

    figure = {"data": [{"x": [1, 2, 3], "y": [3, 2, 1]}]}
    st.number_input("layer", 1, 3, key="layer")
    called_back = plot(figure, key="callback", alt="Choose a layer.", on_click=take)
    returned = plot(figure, key="returning", alt="Choose a layer.", on_click=True)
    deaf = plot(figure, key="deaf", alt="Nothing to choose.")
    st.json({"callback": called_back, "returning": returned, "deaf": deaf})


def app(script: Any) -> AppTest:
    running = AppTest.from_function(script, default_timeout=PATIENCE).run()
    assert not running.exception
    return running


def test_app_sends_figure_words_and_height() -> None:
    charts = plots(app(one_chart))
    assert list(charts) == ["flow", "empty"]
    flow = charts["flow"]
    np.testing.assert_array_equal(flow["figure"]["data"][0]["y"], np.array([1.0, np.nan], np.float32))
    assert flow["figure"]["layout"]["title"] == {"text": "A chart"}
    assert (flow["alt"], flow["height"], flow["click"]) == ("Two numbers.", 260, False)
    assert charts["empty"]["height"] == 100


def test_changed_data_keep_the_component() -> None:
    running = app(one_chart)
    before = [element.proto.id for element in running.get("bidi_component")]
    running.slider[0].set_value(3).run()
    assert [element.proto.id for element in running.get("bidi_component")] == before
    assert plots(running)["flow"]["figure"]["data"][0]["y"][0] == 3.0


def test_chart_without_a_height_reserves_400_pixels() -> None:
    assert plots(app(clickable_charts))["deaf"]["height"] == 400


def test_clicked_point_sets_a_widget_before_the_app_reruns() -> None:
    running = app(clickable_charts)
    click(running, "callback", x=3, y=1, curve=0, point=2)
    assert running.number_input(key="layer").value == 3
    assert json.loads(running.json[0].value)["callback"]["x"] == 3


def test_click_is_returned_once() -> None:
    running = app(clickable_charts)
    click(running, "returning", x=2, y=2, curve=0, point=1)
    assert json.loads(running.json[0].value) == {
        "callback": None,
        "returning": {"x": 2, "y": 2, "curve": 0, "point": 1},
        "deaf": None,
    }
    running.run()
    assert json.loads(running.json[0].value)["returning"] is None


def test_only_clickable_charts_tell_the_browser_to_report_clicks() -> None:
    charts = plots(app(clickable_charts))
    assert {key: chart["click"] for key, chart in charts.items()} == {
        "callback": True,
        "returning": True,
        "deaf": False,
    }


@pytest.mark.parametrize(
    ("figure", "got"),
    [([], "list"), ({"traces": [], "layout": {}}, r"\['layout', 'traces'\]"), ({"data": {}}, r"\['data'\]")],
    ids=repr,
)
def test_wrong_figure_is_refused_with_what_arrived(figure: Any, got: str) -> None:
    with pytest.raises(ValueError, match=f'figure must be a dict with a list of traces under "data"; got {got}'):
        plot(figure, key="flow", alt="")


@pytest.mark.parametrize("key", ["", "a__b"])
def test_key_that_streamlit_would_misread_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"key must be text without a double underscore; got '{key}'"):
        plot({"data": []}, key=key, alt="")


# Where the browser finds plotly.js ------------------------------------------------------------------------


def test_library_leaves_out_what_no_chart_draws_with() -> None:
    whole, served = library.SOURCE.read_bytes(), library.library()
    assert served.startswith(whole[:200]) and b"MIT license" in whole[:200]
    assert len(served) < len(whole) / 3
    assert library.LEFT_OUT.read_text(encoding="utf-8") == left_out(whole)


def test_another_library_than_the_one_that_was_looked_through_is_served_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "SOURCE", tmp_path / "plotly.min.js")
    library.SOURCE.write_text("another one")
    assert library.library.__wrapped__() == b"another one"
    with pytest.raises(LookupError, match="the file registers no kinds of traces"):
        left_out(b"var Plotly=(()=>{var a=1;return a})()")


def test_a_kind_of_trace_that_is_not_registered_is_found() -> None:
    with pytest.raises(LookupError, match="registers not all of bar, contour, heatmap, pyramid, scatter"):
        left_out(library.SOURCE.read_bytes(), library.TRACES | {"pyramid"})


def test_a_chart_of_a_kind_that_is_left_out_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"traces must be of bar, contour, heatmap, scatter, which .*; got pie, sankey"
    ):
        plot({"data": [{"type": "pie"}, {"y": [1]}, {"type": "sankey"}]}, key="flow", alt="")


def test_library_is_copied_whole_under_its_version_and_content(tmp_path: Path) -> None:
    name = str(install_library(tmp_path / "static"))
    assert re.fullmatch(rf"plotly-{re.escape(get_plotlyjs_version())}-[0-9a-f]{{8}}\.min\.js", name)
    assert (tmp_path / "static" / name).read_bytes() == library.library()
    assert [path.name for path in (tmp_path / "static").iterdir()] == [name]


def test_half_a_library_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / str(install_library())
    target.write_text("half")
    assert install_library(tmp_path) == target.name
    assert target.read_bytes() == library.library()


def test_library_in_place_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / str(install_library(tmp_path))
    before = target.stat()
    assert install_library.__wrapped__(tmp_path) == target.name
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_folder_that_cannot_be_written_has_no_library(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert install_library(tmp_path / "file" / "static") is None


def test_a_disk_that_is_full_leaves_nothing_of_the_library_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    assert install_library.__wrapped__(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_static_serving_gives_the_library_a_short_address() -> None:
    assert plots(app(one_chart))["flow"]["library"] == f"app/static/{install_library()}"


def test_library_comes_from_memory_where_it_cannot_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "install_library", lambda: None)
    address = plots(app(one_chart))["flow"]["library"]
    assert "media/" in address
    assert not address.startswith("/")
