"""The wheel, built from the sdist and installed where nothing else is: library, command, and with its extra the dashboard."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.patience import PATIENCE, until

ROOT = Path(__file__).parents[1]

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.min.js", "*.egg-info", "build", "dist", "shared")


def done(*command: object, cwd: Path, code: int = 0) -> str:
    """What a command printed, run without our own packages on its path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NNCORE"))}
    found = subprocess.run(
        list(map(str, command)), cwd=cwd, env=kept, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert found.returncode == code, found.stdout[-2000:] + found.stderr[-2000:]
    return found.stdout + found.stderr


def fresh(folder: Path) -> Path:
    """A virtual environment; its folder of programs."""
    done(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    return folder / ("Scripts" if os.name == "nt" else "bin")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made of the sdist, made of a copy of the project."""
    place = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, place / "project", ignore=LEFT_OUT)
    for folder in (".ci", ".streamlit"):
        shutil.copytree(ROOT / folder, place / "project" / folder)
    shutil.copytree(ROOT / ".streamlit", place / "project" / "dashboard" / ".streamlit", dirs_exist_ok=True)
    programs = fresh(place / "builder")
    done(programs / "pip", "install", "--quiet", "setuptools>=77", cwd=place)
    make = "from setuptools import build_meta; build_meta.build_sdist('../out')"
    (place / "out").mkdir()
    done(programs / "python", "-c", make, cwd=place / "project")
    (sdist,) = (place / "out").glob("*.tar.gz")
    done(programs / "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", sdist, cwd=place / "out")
    (wheel,) = (place / "out").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel and what it needs."""
    programs = fresh(tmp_path_factory.mktemp("fresh") / "venv")
    done(programs / "pip", "install", "--quiet", "-c", ROOT / "requirements.txt", wheel, cwd=wheel.parent)
    return programs


@pytest.fixture(scope="module")
def with_dashboard(installed: Path, wheel: Path) -> Path:
    """The same with the extra."""
    done(
        *(installed / "pip", "install", "--quiet", "-c", ROOT / "requirements.txt", f"{wheel}[dashboard]"),
        cwd=wheel.parent,
    )
    return installed


def test_library_and_command_work_without_streamlit_and_plotly(installed: Path, tmp_path: Path) -> None:
    assert done(installed / "nncore", "--version", cwd=tmp_path).startswith("nncore ")
    said = done(installed / "nncore", "run", "--hidden", "4", "--steps", "3", "--out", "run.parquet", cwd=tmp_path)
    assert "at step 3" in said and (tmp_path / "run.parquet").exists()
    assert "loss" in done(installed / "nncore", "diagnose", "run.parquet", cwd=tmp_path)
    code = """
import nncore, pathlib, sys
assert "site-packages" in nncore.__file__ and (pathlib.Path(nncore.__file__).parent / "py.typed").exists()
history = nncore.run(nncore.RunConfig(hidden=(3,), steps=2))
assert nncore.diagnosis.verdict(history) == () and nncore.theory.predict_config(history.config)
print(history._repr_html_()[:4])
history.plot()
"""
    assert "a chart needs Plotly: pip install 'nncore[plot]'" in done(
        installed / "python", "-c", code, cwd=tmp_path, code=1
    )
    refused = done(installed / "nncore", "site", "pages", cwd=tmp_path, code=2)
    assert refused == "nncore site: writing a site needs Streamlit and Plotly: pip install 'nncore[dashboard]'\n"
    refused = done(installed / "nncore", "dashboard", cwd=tmp_path, code=2)
    assert refused == "nncore dashboard: the dashboard needs Streamlit and Plotly: pip install 'nncore[dashboard]'\n"


def test_with_the_extra_the_dashboard_opens_anywhere(with_dashboard: Path, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        port = listener.getsockname()[1]
    command = [str(with_dashboard / "nncore"), "dashboard", "--headless", "--port", str(port)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NNCORE"))}
    with subprocess.Popen(
        command, cwd=tmp_path, env=kept, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            until(lambda: process.poll() is not None or answers(port) is not None)
            assert process.poll() is None and "frame-ancestors 'self'" in (answers(port) or "")
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # Streamlit is a process of its own


def answers(port: int) -> str | None:
    """The content-security-policy with which the page comes; None where nothing answers yet."""
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/") as page:
            return str(page.headers["content-security-policy"])
    except OSError:
        return None


def test_with_the_extra_its_pages_and_a_plot_are_drawn(with_dashboard: Path, tmp_path: Path) -> None:
    code = """
from pathlib import Path
import dashboard, nncore
from streamlit.testing.v1 import AppTest
place = Path(dashboard.__file__).parent
assert "site-packages" in str(place) and (place / ".streamlit" / "config.toml").exists()
app = AppTest.from_file(place / "app.py", default_timeout=300)
for name, value in {"depth": "2", "width": "4", "steps": "4", "n_samples": "40"}.items():
    app.query_params[name] = value
app.run()
assert not app.exception, app.exception
app.switch_page("views/experiments/page.py").run()
assert not app.exception, app.exception
assert nncore.run(nncore.RunConfig(hidden=(3,), steps=2)).plot().data
"""
    done(with_dashboard / "python", "-c", code, cwd=tmp_path)


def test_with_the_extra_a_site_is_written(with_dashboard: Path, tmp_path: Path) -> None:
    lesson = "lesson=Two+layers&depth=2&width=4&steps=4&n_samples=40"
    flags = ("--grid", "none", "--experiments", "none", "--lesson", lesson, "--workers", "1")
    assert "Written: pages" in done(with_dashboard / "nncore", "site", "pages", *flags, cwd=tmp_path)
    page = (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
    assert all(f'<template id="{name}"><div' in page for name in ("network", "player", "following", "plot"))
    assert "nncoreComponents.network" in (tmp_path / "pages" / "site.js").read_text(encoding="utf-8")
