"""Taking a history away: what was thinned opens again, a part says what it is, sizes said beforehand are near."""

import gzip
import io
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from nncore import Fork, History, RunConfig, ScaleLayer, run
from nncore.history import (
    SPREADSHEET_BYTES,
    SPREADSHEET_ROWS,
    WHOLE,
    Excerpt,
    PartOfHistory,
    compressing,
    csv,
    csv_size,
    fits_spreadsheet,
    for_spreadsheet,
    numbers_in,
    parquet_size,
    read_csv,
    write_csv,
    write_parquet,
)
from nncore.history.untrusted import read_history
from tests.nncore.history.test_files import assert_identical

SMALL = RunConfig(hidden=(4, 3), steps=23, n_samples=40)
DIVERGES = RunConfig(dataset="line", hidden=(3,), activation="linear", learning_rate=1e5, steps=500)
CONFIGS = {
    "every step": SMALL,
    "every third": SMALL.replace(record_every=3),
    "float32": SMALL.replace(dtype="float32", batch_size=8),
    "diverging": DIVERGES,
    "diverging, every third": DIVERGES.replace(record_every=3),
    "fork": Fork(SMALL.replace(optimizer="adam"), at=5, activation="relu", edits=[ScaleLayer(2, 0.5)]),
    "no step": SMALL.replace(steps=0),
}
PARTS = {
    "steps": Excerpt(steps=[0, 5, 23]),
    "layers": Excerpt(layers=[1, 3]),
    "theta": Excerpt(columns="theta"),
    "gradient": Excerpt(columns="gradient"),
    "thinned layers": Excerpt(every=5, layers=[2]),
    "all": Excerpt(steps=[7], layers=[3], columns=["gradient"]),
}
NAMES = ("run.csv", "run.csv.gz", "run.zip")


def written(history: History, excerpt: Excerpt = WHOLE, name: str = "") -> bytes:
    file = io.BytesIO()
    with compressing(file, name) as content:
        write_csv(history, content, excerpt)
    return file.getvalue()


@pytest.fixture(scope="module")
def history() -> History:
    return run(SMALL)


# What opens again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [2, 5, 7, 10**6])
@pytest.mark.parametrize("name", CONFIGS)
def test_every_kth_step_is_the_history_that_a_run_would_have_recorded(name: str, every: int) -> None:
    config = CONFIGS[name]
    recorded = config.replace(record_every=min(every * config.record_every, 10**6))
    expected, whole = run(recorded), run(config)
    for read in (lambda file: read_csv(file), lambda file: read_history(file)):
        assert_identical(read(io.BytesIO(written(whole, Excerpt(every)))), expected, any_nan=True)
    file = io.BytesIO()
    whole.to_parquet(file, every=every)
    assert_identical(read_history(file), expected)


def test_thinned_twice_is_thinned_by_the_product(history: History) -> None:
    once = read_csv(io.BytesIO(written(history, Excerpt(2))))
    twice = read_csv(io.BytesIO(written(once, Excerpt(3))))
    assert_identical(twice, run(SMALL.replace(record_every=6)), any_nan=True)


def test_naming_everything_is_the_whole_history(history: History) -> None:
    named = Excerpt(steps=range(24), layers=[3, 1, 2, 2], columns=["gradient", "theta"])
    assert written(history, named) == written(history)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("excerpt", [WHOLE, Excerpt(4)])
def test_compressed_or_not_the_ending_decides_and_the_content_tells(
    tmp_path, history: History, name: str, excerpt: Excerpt
) -> None:
    history.to_csv(tmp_path / name, every=excerpt.every)
    content = (tmp_path / name).read_bytes()
    assert content == written(history, excerpt, name)
    plain = written(history, excerpt)
    if name.endswith(".gz"):
        assert gzip.decompress(content) == plain
    elif name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name) as archive:
            assert archive.namelist() == ["run.csv"] and archive.read("run.csv") == plain
    else:
        assert content == plain
    expected = run(SMALL.replace(record_every=excerpt.every))
    renamed = tmp_path / "no ending"
    renamed.write_bytes(content)
    assert_identical(History.from_csv(renamed), expected)
    with renamed.open("rb") as file:
        assert_identical(read_history(file), expected)
        assert not file.closed


def test_pandas_opens_every_kind_of_file(tmp_path, history: History) -> None:
    for name in NAMES:
        history.to_csv(tmp_path / name, steps=[3, 9], layers=[2])
        table = pd.read_csv(tmp_path / name)
        start, stop = history.layout.bounds[1]
        assert table["theta_index"].tolist() == list(range(start, stop)) * 2
        assert table["step"].tolist() == [3] * (stop - start) + [9] * (stop - start)
        assert table["theta"].to_numpy().tobytes() == history.theta[[3, 9], start:stop].tobytes()
        assert table["gradient"].to_numpy().tobytes() == history.grad[[3, 9], start:stop].tobytes()


def test_a_column_left_out_is_not_in_the_file(history: History) -> None:
    for kept, other in (("theta", "gradient"), ("gradient", "theta")):
        table = pd.read_csv(io.BytesIO(written(history, Excerpt(columns=kept))))
        assert kept in table and other not in table
        assert len(table) == history.theta.size


@pytest.mark.parametrize("rows", [1, 5, 30, 62, 10**6])
@pytest.mark.parametrize("excerpt", PARTS.values(), ids=PARTS)
def test_an_excerpt_is_the_same_whatever_the_block(
    history: History, excerpt: Excerpt, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = written(history, excerpt)
    assert len(content.splitlines()) == 1 + excerpt.rows(history)
    monkeypatch.setattr(csv, "CSV_ROWS", rows)
    assert written(history, excerpt) == content


# What does not ----------------------------------------------------------------------------------------------

SAID = {
    "steps": "3 of 24 recorded steps, all 3 layers, θ and gradient",
    "layers": "all 24 recorded steps, layers 1 and 3 of 3, θ and gradient",
    "theta": "all 24 recorded steps, all 3 layers, θ without its gradient",
    "gradient": "all 24 recorded steps, all 3 layers, the gradient without θ",
    "thinned layers": "6 of 24 recorded steps, layer 2 of 3, θ and gradient",
    "all": "1 of 24 recorded steps, layer 3 of 3, the gradient without θ",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_refused_by_what_it_is(history: History, part: str, name: str) -> None:
    content = written(history, PARTS[part], name)
    for read in (read_csv, read_history):
        with pytest.raises(PartOfHistory) as refused:
            read(io.BytesIO(content))
        assert str(refused.value).startswith(f"this is a part of a history, {SAID[part]}: ")
        assert "\n" not in str(refused.value)
    assert PARTS[part].in_words(history) == SAID[part]


def test_what_a_stranger_says_of_a_part_is_not_taken_at_its_word(history: History) -> None:
    content = written(history, Excerpt(steps=[0]))
    odd = content.replace(b'""of_steps"": 24', b'""of_steps"": ""x""')
    assert odd != content
    with pytest.raises(PartOfHistory, match="some of its steps, layers or columns"):
        read_csv(io.BytesIO(odd))


def test_parquet_is_for_whole_histories(history: History) -> None:
    with pytest.raises(ValueError, match="Parquet holds whole histories, and this is 3 of 24 recorded steps"):
        write_parquet(history, io.BytesIO(), PARTS["steps"])


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_damaged_archive_is_one_sentence(history: History, name: str) -> None:
    content = written(history, WHOLE, name)
    for damaged in (content[:-9], content[: len(content) // 2], content[:200] + b"\x00" * 50 + content[250:]):
        for read in (read_csv, read_history):
            with pytest.raises(ValueError) as refused:
                read(io.BytesIO(damaged))
            assert "\n" not in str(refused.value)


def test_an_archive_of_several_files_is_refused_and_one_with_a_password(history: History) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in "ab":
            archive.writestr(f"{name}.csv", written(history))
    file.seek(0)
    with pytest.raises(ValueError, match="must hold one file, the history's; this one holds 2"):
        read_csv(file)
    locked = bytearray(written(history, WHOLE, "run.zip"))
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ValueError, match="the zip archive has a password"):
        read_csv(io.BytesIO(bytes(locked)))


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_small_file_that_promises_much_is_refused_before_it_is_held(history: History, name: str) -> None:
    text = written(history).replace(b'""n_records"": 24', b'""n_records"": 4000000000')
    file = io.BytesIO()
    with compressing(file, name) as content:
        content.write(text)
    with pytest.raises(ValueError, match="too short for the"):
        read_csv(io.BytesIO(file.getvalue()))
    with pytest.raises(ValueError, match="MB are allowed"):
        read_csv(io.BytesIO(written(history, WHOLE, name)), memory_budget=5000)


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"every": 0}, "every must be a whole number from 1 to 1,000,000; got 0"),
        ({"every": 2.0}, "every must be a whole number"),
        ({"every": True}, "every must be a whole number"),
        ({"every": 2, "steps": [1]}, "either every or steps says which steps; got every 2 and 1 steps"),
        ({"steps": []}, "steps must be a list of whole numbers; got 'none'"),
        ({"steps": [1.5]}, "steps must be a list of whole numbers; got 1.5"),
        ({"steps": 3}, "steps must be a list of whole numbers; got 3"),
        ({"steps": [24]}, "steps must be recorded ones, 0 to 23; got 24"),
        ({"layers": [0]}, "layers must be from 1 to 3; got 0"),
        ({"layers": [1, 4]}, "layers must be from 1 to 3; got 4"),
        ({"columns": "loss"}, "columns must be theta, gradient or both; got loss"),
        ({"columns": []}, "columns must be theta, gradient or both; got none"),
    ],
)
def test_what_there_is_not_is_refused_in_one_sentence(tmp_path, history: History, choice: dict, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        history.to_csv(tmp_path / "run.csv", **choice)
    assert str(refused.value).startswith(sentence)
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_was_not_recorded_is_refused_with_those_that_were() -> None:
    with pytest.raises(ValueError, match="steps must be recorded ones, 0 to 23 by 3; got 4"):
        Excerpt(steps=[3, 4]).records(run(CONFIGS["every third"]))


def test_numbers_are_read_from_a_text() -> None:
    there = [0, 3, 6, 9, 10]
    assert numbers_in("steps", "3", there) == [3]
    assert numbers_in("steps", " 9,0 , 1–7", there) == [0, 3, 6, 9]
    for text, sentence in (
        ("", "steps must be whole numbers with commas, such as 0, 10, 20-30; got ''"),
        ("1.5", "got '1.5'"),
        ("3-", "got '3-'"),
        ("-3", "got '-3'"),
        ("4", "steps go from 0 to 10; there is no 4"),
        ("11-20", "there is no 11-20"),
    ):
        with pytest.raises(ValueError) as refused:
            numbers_in("steps", text, there)
        assert sentence in str(refused.value)


# Sizes ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def longer() -> History:
    return run(RunConfig(hidden=(16,) * 4, activation="sigmoid", steps=300))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", PARTS)
def test_size_of_a_short_excerpt_is_exact(history: History, part: str, name: str) -> None:
    assert PARTS[part].rows(history) <= csv.SAMPLE
    assert csv_size(history, PARTS[part], name) == len(written(history, PARTS[part], name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "excerpt",
    [
        WHOLE,
        Excerpt(7),
        Excerpt(columns="theta"),
        Excerpt(columns="gradient"),
        Excerpt(layers=[1]),
        Excerpt(2, layers=[1, 5]),
    ],
)
def test_size_of_an_excerpt_is_told_to_within_ten_percent(longer: History, excerpt: Excerpt, name: str) -> None:
    assert excerpt.rows(longer) > csv.SAMPLE
    assert csv_size(longer, excerpt, name) == pytest.approx(len(written(longer, excerpt, name)), rel=0.1)


def test_parquet_size_of_every_kth_step_is_told_to_within_ten_percent(longer: History) -> None:
    file = io.BytesIO()
    longer.to_parquet(file, every=3)
    assert parquet_size(longer, Excerpt(3)) == pytest.approx(len(file.getvalue()), rel=0.1)


def test_a_spreadsheet_is_given_all_that_it_opens(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    assert for_spreadsheet(history) == WHOLE
    n_params = history.layout.n_params
    monkeypatch.setattr(csv, "SPREADSHEET_ROWS", 7 * n_params)
    thinned = for_spreadsheet(history)
    assert thinned == Excerpt(5), "6 records of 24: steps 0, 5, 10, 15, 20 and 23"
    assert fits_spreadsheet(history, thinned) and not fits_spreadsheet(history, Excerpt(4))
    monkeypatch.setattr(csv, "SPREADSHEET_ROWS", n_params + 1)
    assert for_spreadsheet(history) == Excerpt(steps=[23], layers=[1, 2, 3])
    monkeypatch.setattr(csv, "SPREADSHEET_ROWS", n_params)
    assert for_spreadsheet(history) == Excerpt(steps=[23], layers=[1, 2])
    monkeypatch.setattr(csv, "SPREADSHEET_ROWS", 3)
    assert for_spreadsheet(history) is None


def test_a_spreadsheet_is_given_no_more_bytes_or_longer_cells_than_it_opens(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = len(written(history)) // 2
    monkeypatch.setattr(csv, "SPREADSHEET_BYTES", half)
    thinned = for_spreadsheet(history)
    assert thinned is not None and thinned.every > 1
    assert len(written(history, thinned)) <= half
    monkeypatch.undo()
    sparse = run(SMALL.replace(record_every=2))
    long = len(written(sparse).splitlines()[1])
    monkeypatch.setattr(csv, "SPREADSHEET_CELL", long - 200)
    thinned = for_spreadsheet(sparse)
    assert thinned is not None and thinned.every > 1
    assert len(written(sparse, thinned).splitlines()[1]) < long - 100


def test_the_first_lines_for_a_spreadsheet_are_within_its_limits() -> None:
    history = run(RunConfig(hidden=(32,) * 10, steps=40))
    chosen = for_spreadsheet(history)
    assert chosen is not None and chosen.every > 1
    content = written(history, chosen)
    assert len(content) <= SPREADSHEET_BYTES
    assert content.count(b"\n") <= SPREADSHEET_ROWS
    assert_identical(
        read_csv(io.BytesIO(content)), run(history.config.replace(record_every=chosen.every)), any_nan=True
    )


@pytest.mark.parametrize("name", NAMES)
def test_writing_an_excerpt_takes_little_memory_beside_the_history(name: str, tmp_path) -> None:
    program = """
import resource, sys
import numpy as np, pyarrow.csv
from nncore.config import RunConfig
from nncore.history import History
config = RunConfig(hidden=(32,) * 3, steps=1)
rng = np.random.default_rng(0)
n = 1_500_000 // config.layout().n_params
theta = rng.standard_normal((n, config.layout().n_params))
theta.flags.writeable = False  # what could be written into would be copied
x, y = config.probe()
def history(n):
    return History(config=config, step=np.arange(n), loss=np.zeros(n), theta=theta[:n], grad=theta[:n],
                   update_norm=np.zeros((n, config.layout().n_layers)), probe_x=x, probe_y=y)
history(9).to_csv(sys.argv[1], every=2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
history(n).to_csv(sys.argv[1], every=2)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) // (1 if sys.platform != "darwin" else 1024) // 1024)
"""
    path = tmp_path / name
    result = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert path.stat().st_size > 10 * 2**20
    assert int(result.stdout) < 32


def test_the_arrays_of_a_thinned_history_are_those_of_the_whole(history: History) -> None:
    thinned = read_csv(io.BytesIO(written(history, Excerpt(5))))
    for name in ("loss", "theta", "grad"):
        np.testing.assert_array_equal(getattr(thinned, name), getattr(history, name)[[0, 5, 10, 15, 20, 23]])
