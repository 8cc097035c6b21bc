"""`nncore site` hands its flags to the dashboard's package and its exit code back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nncore.command import dashboard, main, site

Called = list[tuple[list[str], dict[str, str]]]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Called]:
    """What would have been started, which ends with this code."""

    def ends_with(code: int) -> Called:
        calls: Called = []
        monkeypatch.setattr(site.subprocess, "call", lambda command, env: calls.append((command, env)) or code)
        return calls

    return ends_with


def test_flags_reach_the_dashboards_package(called: Callable[[int], Called]) -> None:
    calls = called(0)
    assert (
        main(["site", "out", "--grid", "small", "--lesson", "?lesson=A", "--lesson", "links.txt", "--workers", "2"])
        == 0
    )
    command, environment = calls[0]
    assert command[1:3] == ["-m", "dashboard.site"] and command[-2:] == ["--", "out"]
    assert {"--grid=small", "--experiments=all", "--lesson=?lesson=A", "--lesson=links.txt", "--workers=2"} <= set(
        command
    )
    assert environment["PYTHONPATH"].split(":")[0] == str(Path(site.__file__).parents[2])


@pytest.mark.parametrize(("code", "ours"), [(0, 0), (2, 2), (130, 130), (-9, 130), (3, 1)])
def test_exit_code_is_a_documented_one(called: Callable[[int], Called], code: int, ours: int) -> None:
    called(code)
    assert main(["site", "out"]) == ours


def test_without_the_dashboard_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dashboard, "find_spec", lambda name: None)
    assert main(["site", "out"]) == 2
    assert (
        capsys.readouterr().err
        == "nncore site: writing a site needs Streamlit and Plotly: pip install 'nncore[dashboard]'\n"
    )
    monkeypatch.setattr(site, "MAIN", tmp_path / "none.py")
    assert main(["site", "out"]) == 2
    assert "is not beside it: install nncore again" in capsys.readouterr().err
