"""How a thing is shown in a notebook: as a card of HTML, or as the dashboard's charts.

Both know every room of nncore, and every thing is shown by them: here is the one step up, taken when somebody looks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def html(thing: Any) -> str:
    """The card of a thing, from `nncore.notebook`."""
    return str(import_module("nncore.notebook").html(thing))


class Shown:
    """Has a card in a notebook."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return html(self)


def plotted(thing: Any, name: str, step: int | None, dark: bool) -> Any:
    """The chart of a thing under a name, from `dashboard.notebook`, as a plotly.graph_objects.Figure.

    Raises ValueError, one sentence, where Plotly or the dashboard is not there, and as `dashboard.notebook.plotted` does.
    """
    from importlib.util import find_spec
    from pathlib import Path

    if find_spec("plotly") is None:
        raise ValueError("a chart needs Plotly: pip install 'nncore[plot]'")
    try:
        notebook = import_module("dashboard.notebook")
    except ImportError as error:
        notebook, reason = None, f" ({error})"
    else:
        reason = ""
    place = None if notebook is None else Path(str(notebook.__file__)).parents[1]
    if notebook is None or place != Path(__file__).parents[2]:
        raise ValueError(
            f"the charts are in the package dashboard that comes with nncore, and another one is in its place{reason}"
        )
    return notebook.plotted(thing, name, step, dark)
