"""A stranger's file is a history, bit for bit, or one sentence: never anything else."""

import csv
import gzip
import io
import json
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nncore.data.table
from nncore import Fork, History, RunConfig, ScaleLayer, read_table, run
from nncore import measures as m
from nncore.data.table import TableNotHere
from nncore.history import untrusted
from nncore.history.untrusted import read_history, reading_seconds
from tests.nncore.history.test_files import assert_identical

SMALL = RunConfig(hidden=(3, 2), steps=5, n_samples=12, probe_size=4)
LINE = RunConfig(dataset="line", hidden=(3,), activation="linear", learning_rate=1e5, steps=60, n_samples=12)
CONFIGS = {
    "classes": SMALL.replace(dataset="blobs"),
    "regression": SMALL.replace(dataset="parabola"),
    "float32": SMALL.replace(dtype="float32", batch_size=4),
    "sparse": SMALL.replace(steps=11, record_every=4),
    "no step": SMALL.replace(steps=0),
    "diverged": LINE,
    "diverged, sparse": LINE.replace(record_every=40),
    "fork": Fork(SMALL.replace(optimizer="adam"), at=3, activation="relu", edits=[ScaleLayer(2, 0.5)]),
    "sparse fork": Fork(SMALL.replace(steps=11, record_every=4), at=6),
    "fork of a fork": Fork(Fork(SMALL, at=2), at=4, steps=9),
    "linear": SMALL.replace(hidden=()),
    "deep": SMALL.replace(hidden=(2,) * 200, steps=1),
}
KINDS = ("parquet", "csv")


def written(history: History, kind: str) -> bytes:
    file = io.BytesIO()
    getattr(history, f"to_{kind}")(file)
    return file.getvalue()


def read(content: bytes, budget: int | None = None) -> History:
    return read_history(io.BytesIO(content), budget)


@pytest.fixture(scope="module")
def small() -> History:
    return run(SMALL)


@pytest.fixture(scope="module")
def contents(small: History) -> dict[str, bytes]:
    return {kind: written(small, kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CONFIGS)
def test_every_kind_of_run_is_read_back_bit_for_bit(name: str, kind: str) -> None:
    history = run(CONFIGS[name])
    assert_identical(read(written(history, kind)), history, any_nan=kind == "csv")


@pytest.mark.parametrize("kind", KINDS)
def test_run_stopped_by_hand_is_read_back(kind: str) -> None:
    seen: list[int] = []
    history = run(SMALL, cancelled=lambda: len(seen) > 2, progress=lambda step, loss: seen.append(step))
    assert history.stopped and len(history) < 6
    assert_identical(read(written(history, kind)), history, any_nan=kind == "csv")


@pytest.mark.parametrize("kind", KINDS)
def test_run_on_a_table_needs_its_table(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    table = read_table(b"x,y\n" + b"".join(b"%d,%d.5\n" % (n, n * n) for n in range(20)))
    history = run(RunConfig(dataset="table", table=table.choose(), hidden=(3,), steps=2, n_samples=20))
    content = written(history, kind)
    with pytest.raises(TableNotHere) as missing:
        read(content)
    assert missing.value.digest == table.digest
    monkeypatch.setattr(nncore.data.table, "_SHELVES", [{table.digest: table}.get])
    assert_identical(read(content), history, any_nan=kind == "csv")


# One sentence -----------------------------------------------------------------------------------------------


def refused(content: bytes, budget: int | None = None) -> str:
    with pytest.raises(ValueError) as caught:
        read(content, budget)
    said = str(caught.value)
    assert said and "\n" not in said and not said.endswith(".")
    return said


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name in names:
            packed.writestr(name, "step,loss")
    return file.getvalue()


def foreign_parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2]}), file)
    return file.getvalue()


def of_one_chart(measure: object) -> bytes:
    file = io.BytesIO()
    measure(run(SMALL)).to_csv(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: b"", "it is empty"),
        (lambda: b" \n\n", "it is empty"),
        (
            lambda: archive("xl/workbook.xml", "xl/styles.xml"),
            "it is a zip archive or an Excel workbook, not a history in Parquet or CSV",
        ),
        (lambda: archive("history.csv"), "its first line is 'step,loss'"),
        (lambda: archive("history.csv")[:50], "it is a zip archive or an Excel workbook"),
        (lambda: gzip.compress(b"step,loss"), "its first line is 'step,loss'"),
        (lambda: gzip.compress(b"step,loss")[:12] + b"x" * 9, "it is a gzip archive, not a history in Parquet or CSV"),
        (foreign_parquet, "it holds a table of something else, and names no run"),
        (lambda: of_one_chart(m.summary), "a summary or the numbers of one chart do not hold θ"),
        (lambda: of_one_chart(lambda history: m.gradient_flow(history, 1)), "its first line is 'step,layer,"),
        (lambda: b"name;age\nAnn;3\n", "its first line is 'name;age'"),
        (lambda: b"\x00\xff\xfe" * 500, "its first line is "),
        (lambda: b"PAR1", "Parquet"),
    ],
)
def test_what_is_no_history_is_one_sentence(content: object, said: str) -> None:
    assert said in refused(content())


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_file_is_one_sentence(contents: dict[str, bytes], kind: str) -> None:
    whole = contents[kind]
    for share in (0.1, 0.5, 0.9, 0.999):
        refused(whole[: int(share * len(whole))])


def test_file_over_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch, contents) -> None:
    monkeypatch.setattr(untrusted, "MAX_BYTES", 2**20)
    monkeypatch.setattr(untrusted, "_read", lambda *_: pytest.fail("it was read"))
    assert refused(contents["csv"] + b" " * 3 * 2**20) == "it has 3 MB and 1 MB are read"


@pytest.mark.parametrize("kind", KINDS)
def test_history_over_budget_is_refused_before_it_is_held(monkeypatch, kind: str) -> None:
    config = SMALL.replace(hidden=(40,) * 3, steps=300)
    theta = np.zeros((301, config.layout().n_params))  # some KB of Parquet that would become MB
    whole = run(config)
    content = written(
        History(
            config=config,
            step=whole.step,
            loss=whole.loss,
            theta=theta,
            grad=theta,
            update_norm=whole.update_norm,
            probe_x=whole.probe_x,
            probe_y=whole.probe_y,
        ),
        kind,
    )
    assert len(read(content, 2**25)) == 301
    monkeypatch.setattr(np, "empty", lambda *_: pytest.fail("memory was taken"))
    said = refused(content, 2**20)
    assert "its 301 records of 3,441 parameters would take 16 MB and 1 MB are allowed" in said


def test_run_whose_single_pass_is_over_budget_is_refused(small: History) -> None:
    wide = SMALL.replace(hidden=(400,), n_samples=2000, steps=0)
    assert "one pass over its 1,600 training rows would take" in refused(written(run(wide), "csv"), 2**18)


def hostile(content: bytes, change: object) -> bytes:
    """A CSV history whose config cell is what `change` makes of it."""
    rows = list(csv.reader(io.StringIO(content.decode())))
    facts = json.loads(rows[1][-1])
    changed = change(facts)
    rows[1][-1] = changed if isinstance(changed, str) else json.dumps(facts)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: "[" * 100_000,
        lambda facts: '{"a":' * 50_000,
        lambda facts: "null",
        lambda facts: "9" * 10_000,
        lambda facts: '{"history": {"format": 1, "n_records": Infinity}}',
        lambda facts: json.dumps(facts).replace('"n_records": 6', '"n_records": 1e400'),
        lambda facts: facts.update(hidden="__import__('os')"),
        lambda facts: facts.update(hidden=[[3, 2]]),
        lambda facts: facts.update(hidden=[10**400]),
        lambda facts: facts.update(activation={"tanh": 1}),
        lambda facts: facts.update(dataset=["moons"]),
        lambda facts: facts.update(steps=True),
        lambda facts: facts.update(seed=-1),
        lambda facts: facts.update(table="../../etc/passwd", dataset="table"),
        lambda facts: facts.update(parent=5, at=0, edits=[]),
        lambda facts: facts.update(parent={}, at="x", edits=[]),
        lambda facts: facts.update(parent=dict(facts, history=0), at=0, edits=[]),
        lambda facts: facts.update(
            parent={key: value for key, value in facts.items() if key != "history"}, at=0, edits=[7, None]
        ),
        lambda facts: facts["history"].update(n_records=-1),
        lambda facts: facts["history"].update(stopped=["x"]),
        lambda facts: facts["history"].update(stopped="x" * 5000),
        lambda facts: facts["history"].update(divergence=5),
        lambda facts: facts["history"].update(
            divergence={"step": 5, "layer": 99, "unit": 0, "quantity": "z"}, stopped="Diverged."
        ),
        lambda facts: facts["history"].update(
            divergence={"step": 5, "layer": 1, "unit": 0, "quantity": "<script>"}, stopped="Diverged."
        ),
        lambda facts: facts["history"].update(
            divergence={"step": "5", "layer": 1, "unit": 0, "quantity": "z"}, stopped="Diverged."
        ),
        lambda facts: facts["history"].update(probe_x={"dtype": "|O", "shape": [1], "base64": ""}, probe_y={}),
        lambda facts: facts["history"].update(
            probe_x={"dtype": "<f8", "shape": [0, 2], "base64": ""},
            probe_y={"dtype": "<f8", "shape": [0, 1], "base64": ""},
        ),
        lambda facts: facts.update(steps=4),
        lambda facts: facts.update(record_every=2),
    ],
)
def test_hostile_settings_are_one_sentence(contents: dict[str, bytes], change: object) -> None:
    refused(hostile(contents["csv"], change))


def test_settings_left_as_they_are_are_read(contents: dict[str, bytes], small: History) -> None:
    assert_identical(read(hostile(contents["csv"], lambda facts: None)), small, any_nan=True)


# Anything ---------------------------------------------------------------------------------------------------

EDITS = st.lists(
    st.tuples(st.sampled_from(("replace", "insert", "delete")), st.floats(0, 1), st.binary(min_size=1, max_size=12)),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    for kind, where, piece in edits:
        at = int(where * len(content))
        rest = content[at + (0 if kind == "insert" else len(piece)) :]
        content = content[:at] + (b"" if kind == "delete" else piece) + rest
    return content


def read_or_refused(content: bytes) -> None:
    """Raises whatever is neither a history nor ValueError."""
    try:
        history = read(content, 2**26)
    except ValueError as problem:
        assert str(problem) and "\n" not in str(problem)
    else:
        assert len(history.step) == len(history.theta) > 0


@given(st.binary(max_size=400))
@settings(max_examples=100)
def test_any_bytes_are_a_history_or_a_sentence(content: bytes) -> None:
    read_or_refused(content)
    read_or_refused(b"PAR1" + content + b"PAR1")
    read_or_refused(
        b"step,loss,layer,kind,row,column,theta_index,theta,gradient,config\n0,0,1,bias,,0,0,0,0," + content
    )


@pytest.mark.parametrize("kind", KINDS)
@given(edits=EDITS)
@settings(max_examples=150)
def test_any_edit_of_a_history_is_a_history_or_a_sentence(contents, kind: str, edits) -> None:
    read_or_refused(edited(contents[kind], edits))


@given(
    key=st.sampled_from([*(field.name for field in RunConfig.fields()), "parent", "at", "edits", "history"]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
)
@settings(max_examples=150)
def test_any_setting_is_a_history_or_a_sentence(contents, key: str, value: object) -> None:
    read_or_refused(hostile(contents["csv"], lambda facts: facts.update({key: value})))


@pytest.mark.parametrize("is_parquet", [True, False])
def test_the_estimate_of_reading_has_a_part_for_any_file_and_one_for_its_bytes(is_parquet: bool) -> None:
    none, some, more = (reading_seconds(size, is_parquet) for size in (0, 10**6, 2 * 10**6))
    assert none > 0 and more - some == pytest.approx(some - none)
