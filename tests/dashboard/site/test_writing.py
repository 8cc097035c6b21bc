"""A site's folder: all of it or nothing, small enough, and refused in a sentence."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.plot.library import library
from dashboard.site import __main__ as command
from dashboard.site import writing
from dashboard.site.content import Site, run_file
from dashboard.site.experiments import chosen
from dashboard.site.grid import BASE, GRIDS, Grid
from dashboard.site.writing import write_site
from nncore.experiments import EXPERIMENTS

TINY = Grid(
    ("tanh",), ("xavier_normal",), (2,), (1.0,), BASE.replace(hidden=(3,) * 2, steps=4, record_every=2, n_samples=40)
)

MOST_BYTES = 20_000_000


def test_folder_holds_the_page_and_a_script_for_each_run(tmp_path: Path) -> None:
    counted: list[tuple[int, int]] = []
    size = write_site(
        tmp_path / "a" / "site", Site(TINY, ("depth",)), told=lambda done, total: counted.append((done, total))
    )
    files = {
        str(path.relative_to(tmp_path / "a" / "site"))
        for path in (tmp_path / "a" / "site").rglob("*")
        if path.is_file()
    }
    assert files == {
        *("index.html", "site.js", "site.css", "catalogue.js", "experiments.js", "plotly.min.js"),
        *("runs/tanh-xavier_normal-2-1.js", "runs/depth-own.js", "runs/depth-other.js"),
    }
    assert counted == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert size == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())


def test_page_names_no_other_place(tmp_path: Path) -> None:
    write_site(tmp_path, Site(TINY))
    for name in ("index.html", "site.js", "site.css", "catalogue.js"):
        text = (tmp_path / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text and "import " not in text.replace("export default", ""), (
            name
        )


def test_the_same_site_has_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_site(tmp_path / folder, Site(TINY))
    for path in (tmp_path / "a").rglob("*.js"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_full_site_stays_below_its_limit() -> None:
    """As large as its runs with the first initializer and the gain 1 let expect, and its experiments like those of 12 layers."""
    grid = GRIDS["full"]
    chosen = replace(grid, init=grid.init[:1], gain=(1.0,))
    sizes = {config.depth: 0 for _, config in chosen.configs()}
    for name, config in chosen.configs():
        sizes[config.depth] += len(run_file(name, config, None))
    runs = sum(sizes.values()) * len(grid) / len(chosen)
    experiments = 2 * len(EXPERIMENTS) * sizes[grid.base.depth] / len(grid.activation)
    assert len(library()) + runs + experiments < MOST_BYTES


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="must be a new or an empty folder"):
        write_site(tmp_path, Site(TINY))
    with pytest.raises(ValueError, match="must be a new or an empty folder"):
        write_site(tmp_path / "mine.txt", Site(TINY))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("is_there", [False, True])
def test_after_an_error_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool) -> None:
    def fail(path: Path) -> None:
        raise OSError(28, os.strerror(28), str(path))

    folder = tmp_path / "site"
    if is_there:
        folder.mkdir()
    monkeypatch.setattr(writing, "whole_file", fail)
    with pytest.raises(OSError, match="No space left"):
        write_site(folder, Site(TINY))
    assert folder.exists() == is_there and not list(tmp_path.rglob("*.*"))


def test_what_a_killed_one_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / writing.DRAFT / "runs").mkdir(parents=True)
    write_site(tmp_path, Site(TINY))
    assert (tmp_path / "index.html").exists() and not (tmp_path / writing.DRAFT).exists()


def test_a_site_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="all of them were left out"):
        write_site(tmp_path / "site", Site())
    assert not (tmp_path / "site").exists()


def test_experiments_are_chosen_by_name() -> None:
    assert chosen("all") == tuple(EXPERIMENTS) and chosen("none") == () and chosen("depth, skip") == ("depth", "skip")
    with pytest.raises(ValueError, match=r"an experiment must be one of .*got 'dpeth'"):
        chosen("depth,dpeth")


def test_grid_opens_on_the_run_that_the_app_opens_on() -> None:
    grid = GRIDS["full"]
    runs = dict(grid.configs())
    first = {each["key"]: each["first"] for each in grid.controls()}
    assert runs["-".join(first.values())] == grid.base and len(runs) == len(grid)


# The command --------------------------------------------------------------------------------------------------------


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["nncore site", *map(str, arguments)])
    return command.main()


def test_command_says_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(GRIDS, "small", TINY)
    assert ended(monkeypatch, tmp_path / "site", "--grid", "small", "--experiments", "none", "--workers", 1) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Training 1 networks." and said[1].startswith(f"Written: {tmp_path / 'site' / 'index.html'}, 1.")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--experiments", "dpeth"], "an experiment must be one of"),
        (["--grid", "none", "--experiments", "none"], "all of them were left out"),
        (["--lesson", "no such file"], "a lesson must be the link of one"),
        (["--lesson", "lesson=&depth=3"], "a lesson must have a title"),
        (
            ["--lesson", "?lesson=A&depth=many"],
            "the lesson 'A' has a run that cannot be shown: depth must be a whole number",
        ),
    ],
)
def test_command_refuses_in_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    assert ended(monkeypatch, tmp_path / "site", *arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("nncore site: ") and sentence in said and said.count("\n") == 1
    assert not (tmp_path / "site").exists()


def test_command_says_what_a_site_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = "lesson=A&show=flow,heatmap&depth=2&width=3&steps=4&n_samples=40"
    assert (
        ended(
            monkeypatch,
            tmp_path / "site",
            "--grid",
            "none",
            "--experiments",
            "none",
            "--lesson",
            lesson,
            "--workers",
            1,
        )
        == 0
    )
    assert "A: a site has no heatmap, which the lesson shows in the app." in capsys.readouterr().err


def test_a_place_where_nothing_can_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert ended(monkeypatch, tmp_path / "file" / "site", "--grid", "small") == 2
    assert capsys.readouterr().err.count(str(tmp_path / "file")) == 1
