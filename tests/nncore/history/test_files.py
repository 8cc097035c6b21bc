"""History files: every bit back, readable elsewhere, one sentence for what is not a history."""

import io
import json
import math
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nncore.config.run_config import RunConfig
from nncore.history import csv, csv_size, parquet, parquet_size, read_csv, read_parquet, write_csv, write_parquet
from nncore.history.history import Divergence, History, update_norms
from nncore.training import run

ARRAYS = ("step", "loss", "theta", "grad", "update_norm", "probe_x", "probe_y")
LECTURE = RunConfig(dataset="parabola", n_samples=4, hidden=(2,), test_fraction=0, steps=3)
CONFIGS = {
    "classes": RunConfig(hidden=(4, 3), steps=7),
    "lecture": LECTURE,
    "float32": RunConfig(dataset="blobs", hidden=(4,), steps=7, dtype="float32", batch_size=16),
    "sparse": RunConfig(hidden=(4, 3), steps=8, record_every=3),
    "diverging": RunConfig(dataset="line", hidden=(3,), activation="linear", learning_rate=1e5, steps=500),
    "diverging sparse": RunConfig(
        dataset="line", hidden=(3,), activation="linear", learning_rate=1e5, steps=500, record_every=40
    ),
    "no step": RunConfig(dataset="iris", hidden=(5,), steps=0),
}
WRITERS = {"csv": (write_csv, read_csv), "parquet": (write_parquet, read_parquet)}


def synthetic(theta, grad=None, loss=None, config=LECTURE, **changes):
    """A history of the lecture's network with these numbers in it."""
    grad = theta if grad is None else grad
    probe_x, probe_y = config.probe()
    facts = {
        "config": config,
        "step": np.arange(len(theta)),
        "loss": np.zeros(len(theta)) if loss is None else loss,
        "theta": theta,
        "grad": grad,
        "update_norm": update_norms(theta, config.layout()),
        "probe_x": probe_x,
        "probe_y": probe_y,
    }
    return History(**facts | changes)


def written(history, kind):
    buffer = io.BytesIO()
    WRITERS[kind][0](history, buffer)
    return buffer.getvalue()


def read(content, kind):
    return WRITERS[kind][1](io.BytesIO(content))


def bits(array, any_nan=False):
    """The bytes of an array; with any_nan, every NaN counts as the same."""
    if any_nan and array.dtype.kind == "f":
        array = np.where(np.isnan(array), array.dtype.type("nan"), array)
    return array.tobytes()


def assert_identical(one, other, any_nan=False):
    assert (one.config, one.stopped, one.divergence) == (other.config, other.stopped, other.divergence)
    for name in ARRAYS:
        a, b = getattr(one, name), getattr(other, name)
        assert (a.dtype, a.shape) == (b.dtype, b.shape), name
        assert bits(a, any_nan) == bits(b, any_nan), name


@pytest.fixture(scope="module")
def histories():
    return {name: run(config) for name, config in CONFIGS.items()}


@pytest.fixture(scope="module")
def history(histories):
    return histories["classes"]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("name", CONFIGS)
def test_file_gives_the_identical_history_back(histories, name, kind):
    history = histories[name]
    assert_identical(read(written(history, kind), kind), history, any_nan=kind == "csv")
    assert bool(history.stopped) == name.startswith("diverging")


@pytest.mark.parametrize("kind", WRITERS)
def test_history_read_back_is_read_only(history, kind):
    again = read(written(history, kind), kind)
    assert not any(getattr(again, name).flags.writeable for name in ARRAYS)


@pytest.mark.parametrize("kind", WRITERS)
def test_path_and_open_file_hold_the_same_bytes(tmp_path, history, kind):
    method, other = (getattr(history, f"to_{kind}"), getattr(History, f"from_{kind}"))
    method(tmp_path / "h")
    method(str(tmp_path / "i"))
    assert (tmp_path / "h").read_bytes() == (tmp_path / "i").read_bytes() == written(history, kind)
    assert_identical(other(tmp_path / "h"), history)
    assert_identical(other(str(tmp_path / "h")), history)
    with open(tmp_path / "h", "rb") as file:
        assert_identical(other(file), history)
        assert not file.closed


@pytest.mark.parametrize("kind", WRITERS)
def test_buffer_stays_open(history, kind):
    buffer = io.BytesIO()
    WRITERS[kind][0](history, buffer)
    buffer.seek(0)
    WRITERS[kind][1](buffer)
    assert not buffer.closed


@pytest.mark.parametrize("kind", WRITERS)
def test_file_that_is_not_there_is_said_to_be_missing(tmp_path, kind):
    with pytest.raises(FileNotFoundError):
        WRITERS[kind][1](tmp_path / "nothing")


EDGES = [0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308]
EDGES += [0.1, 1 / 3, 1e22, 123456789012345680.0, -1e-7, float(np.nextafter(1, 2))]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(data=st.data())
@settings(max_examples=40)
def test_every_float_survives(kind, dtype, data):
    width = 64 if dtype == "float64" else 32
    limit = float(np.finfo(dtype).max)
    edges = [value for value in EDGES if not math.isfinite(value) or abs(value) <= limit]
    numbers = st.floats(width=width) | st.sampled_from([float(np.dtype(dtype).type(value)) for value in edges])
    theta = data.draw(hnp.arrays(dtype, (3, 7), elements=numbers))
    grad = data.draw(hnp.arrays(dtype, (3, 7), elements=numbers))
    loss = data.draw(hnp.arrays("float64", 3, elements=st.floats()))
    history = synthetic(theta, grad, loss, LECTURE.replace(dtype=dtype))
    assert_identical(read(written(history, kind), kind), history, any_nan=kind == "csv")


@pytest.mark.parametrize("kind", WRITERS)
def test_random_bit_patterns_survive(kind):
    rng = np.random.default_rng(0)
    for dtype, whole in (("float64", np.uint64), ("float32", np.uint32)):
        patterns = rng.integers(0, np.iinfo(whole).max, (2000, 7), whole, endpoint=True).view(dtype)
        with np.errstate(all="ignore"):
            history = synthetic(patterns, config=LECTURE.replace(dtype=dtype))
        assert_identical(read(written(history, kind), kind), history, any_nan=kind == "csv")


@pytest.mark.parametrize("kind", WRITERS)
def test_what_cannot_be_recomputed_is_kept(kind):
    theta = np.arange(14.0).reshape(2, 7)
    odd = synthetic(
        theta,
        update_norm=np.array([[0.25, np.nan], [-0.0, np.inf]]),
        probe_x=np.array([[7.0]]),
        probe_y=np.array([[8.0]]),
        stopped='Stopped, with "quotes", a comma\nand θ.',
        divergence=Divergence(step=1, layer=2, unit=0, quantity="loss"),
    )
    assert_identical(read(written(odd, kind), kind), odd, any_nan=kind == "csv")


def test_csv_says_only_what_the_settings_do_not(histories):
    def facts(history):
        cell = pd.read_csv(io.BytesIO(written(history, "csv")))["config"][0]
        assert RunConfig.from_dict({k: v for k, v in json.loads(cell).items() if k != "history"}) == history.config
        return set(json.loads(cell)["history"])

    always = {"format", "n_records", "dtype", "stopped", "divergence"}
    assert facts(histories["classes"]) == facts(histories["diverging"]) == always
    assert facts(histories["sparse"]) == always | {"update_norm"}


def test_csv_has_the_columns_in_order_and_one_row_per_record_and_parameter(histories):
    for history in (histories["classes"], histories["float32"]):
        table = pd.read_csv(io.BytesIO(written(history, "csv")))
        n_records, n_params = history.theta.shape
        assert ",".join(table.columns) == "step,loss,layer,kind,row,column,theta_index,theta,gradient,config"
        assert len(table) == history.theta.size
        assert table["step"].tolist() == np.repeat(history.step, n_params).tolist()
        assert table["loss"].tolist() == np.repeat(history.loss, n_params).tolist()
        assert table["theta_index"].tolist() == list(range(n_params)) * n_records
        names = list(zip(*(table[c] for c in ("layer", "kind", "row", "column")), strict=True))
        names = [(a, b, None if np.isnan(c) else int(c), d) for a, b, c, d in names]
        assert names == [history.layout.name(index) for index in range(n_params)] * n_records
        dtype = history.theta.dtype
        assert bits(table["theta"].to_numpy(dtype)) == history.theta.tobytes()
        assert bits(table["gradient"].to_numpy(dtype)) == history.grad.tobytes()
        assert table["config"].notna().sum() == 1


def test_spreadsheet_takes_no_cell_for_a_formula(histories):
    lines = written(histories["diverging"], "csv").decode("ascii").splitlines()
    number = r"(-?(\d[\d.]*(e[+-]\d+)?|inf)|nan)"
    row = re.compile(rf"\d+,{number},\d+,(weight,\d+|bias,),\d+,\d+,{number},{number},(\"\{{.*)?")
    assert len(lines) == histories["diverging"].theta.size + 1
    assert [line for line in lines[1:] if not row.fullmatch(line)] == []


def test_pandas_opens_the_parquet_file(history):
    table = pd.read_parquet(io.BytesIO(written(history, "parquet")))
    assert list(table.columns) == ["step", "loss", "theta", "grad", "update_norm"]
    assert np.stack(table["theta"]).tobytes() == history.theta.tobytes()


@pytest.mark.parametrize("rows", [1, 5, 30, 31, 62, 100, 10**6])
def test_csv_is_the_same_whatever_the_block(histories, monkeypatch, rows):
    history = histories["classes"]
    assert history.layout.n_params == 31
    content = written(history, "csv")
    monkeypatch.setattr(csv, "CSV_ROWS", rows)
    assert written(history, "csv") == content


@pytest.mark.parametrize("name", ["classes", "sparse", "diverging"])
@pytest.mark.parametrize("kind", WRITERS)
def test_history_in_many_blocks_is_read_back(histories, monkeypatch, kind, name):
    for module in (parquet, csv):
        monkeypatch.setattr(module, "BLOCK_BYTES", 700)
    monkeypatch.setattr(csv, "PARSED_BYTES", 700)
    content = written(histories[name], kind)
    if kind == "parquet":
        assert pq.ParquetFile(io.BytesIO(content)).num_row_groups > 1
    assert_identical(read(content, kind), histories[name], any_nan=kind == "csv")


# Sizes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONFIGS)
def test_size_of_a_short_file_is_exact(histories, name):
    history = histories[name]
    if history.theta.size <= csv.SAMPLE:
        assert csv_size(history) == len(written(history, "csv"))
    assert parquet_size(history) == len(written(history, "parquet"))


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(hidden=(16,) * 4, steps=300),
        RunConfig(hidden=(16,) * 4, activation="relu", gain=0.3, steps=600, record_every=2),
        RunConfig(dataset="digits", hidden=(20,), steps=300, dtype="float32"),
        RunConfig(dataset="parabola", hidden=(2,), steps=20_000),
        RunConfig(dataset="circles", hidden=(32,) * 12, activation="sigmoid", steps=60),
    ],
)
def test_size_is_told_to_within_ten_percent(config):
    history = run(config)
    assert history.theta.size > csv.SAMPLE
    assert csv_size(history) == pytest.approx(len(written(history, "csv")), rel=0.1)
    assert parquet_size(history) == pytest.approx(len(written(history, "parquet")), rel=0.1)


@pytest.mark.parametrize("kind", WRITERS)
def test_writing_takes_little_memory_beside_the_history(kind):
    program = f"""
import resource, sys
import numpy as np, pyarrow.csv, pyarrow.parquet
from nncore.config import RunConfig
from nncore.history import History, write_{kind}
config = RunConfig(hidden=(32,) * 3, steps=1)
rng = np.random.default_rng(0)
theta = rng.standard_normal((2_500_000 // config.layout().n_params, config.layout().n_params))
grad = theta * 1e-6
n = len(theta)
x, y = config.probe()
norms = np.zeros((n, config.layout().n_layers))
history = History(config=config, step=np.arange(n), loss=np.zeros(n), theta=theta, grad=grad,
                  update_norm=norms, probe_x=x, probe_y=y)
small = History(config=config, step=np.arange(2), loss=np.zeros(2), theta=theta[:2], grad=grad[:2],
                update_norm=norms[:2], probe_x=x, probe_y=y)
with open({"/dev/null"!r}, "wb") as file:
    write_{kind}(small, file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_{kind}(history, file)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(history.nbytes // 2**20, (after - before) // (1 if sys.platform != "darwin" else 1024) // 1024)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    size, extra = map(int, result.stdout.split())
    assert size >= 38
    assert extra < 32


# What is not a history --------------------------------------------------------------------------------------


def assert_refused(content, kind, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(content, kind)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("this is not a history in ")


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(
    "content", [b"", b"\n", b"a,b\n1,2\n", b"PAR1", b"\x00\xff" * 300, b"{}", b"PAR1 and more PAR1"]
)
def test_any_other_file_is_refused(content, kind):
    assert_refused(content, kind, "CSV|Parquet")


@pytest.mark.parametrize("kind", WRITERS)
def test_truncated_file_is_refused(histories, kind):
    content = written(histories["lecture"], kind)
    last = len(content) - 2 if kind == "csv" else len(content) - 1
    for end in {*range(0, last, 97), *range(max(0, last - 90), last + 1)}:
        assert_refused(content[:end], kind, "CSV|Parquet")


def test_csv_without_its_last_newline_is_whole(histories):
    content = written(histories["lecture"], "csv")
    assert_identical(read(content[:-1], "csv"), histories["lecture"])


def test_csv_saved_again_by_pandas_is_read(histories):
    history = histories["classes"]
    table = pd.read_csv(io.BytesIO(written(history, "csv")))
    again = table.astype({"row": "Int64"}).to_csv(index=False, na_rep="").encode("utf-8-sig")
    assert_identical(read(again, "csv"), history)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"theta_index,theta,", b"theta_index,thta,", "missing: theta$"),
        (b"step,loss,layer", b"step;loss;layer", "columns must be step, loss, layer"),
        (b'"{""dataset', b'"{dataset', "must be JSON"),
        (b'"{""dataset', b'"[{""dataset', "must be JSON"),
        (b'""schedule"": ""constant""', b'""schedule"": ""constand""', "did you mean 'constant'"),
        (b'""dataset""', b'""datasets""', "setting must be one of"),
        (b'""format"": 1', b'""format"": 2', "format must be 1; got 2"),
        (b'""history""', b'""histori""', "format must be 1; got None"),
        (b'""n_records"": 4', b'""n_records"": 5', "28 .* 35 rows|35 rows and has 28"),
        (b'""n_records"": 4', b'""n_records"": 3', "21 rows and has more"),
        (b'""n_records"": 4', b'""n_records"": 4000000000', "too short"),
        (b'""n_records"": 4', b'""n_records"": -1', "rows"),
        (b'""n_records"": 4', b'""n_records"": ""many""', "many"),
        (b'""hidden"": [2]', b'""hidden"": [3]', "line 9 must be theta_index 7 of step 0"),
        (b"\n1,", b"\n7,", "line 9 must be theta_index 0 of step|line 10 must be theta_index 1 of step 7"),
        (b",weight,0,1,3,", b",weight,0,1,2,", "line 5 must be theta_index 3 of step 0; got theta_index 2"),
        (b",weight,0,1,3,", b",weight,0,1,3,x", "invalid value 'x"),
        (b",weight,0,1,3,", b",weight,0,1,3,,", "columns"),
    ],
)
def test_damaged_csv_is_refused_with_the_reason(histories, old, new, message):
    content = written(histories["lecture"], "csv")
    assert old in content
    assert_refused(content.replace(old, new, 1), "csv", message)


def test_csv_with_an_empty_number_is_refused(histories):
    lines = written(histories["lecture"], "csv").split(b"\n")
    cells = lines[4].split(b",")
    cells[7] = b""
    lines[4] = b",".join(cells)
    assert_refused(b"\n".join(lines), "csv", "invalid value ''")


def rewritten(content, change):
    """A Parquet history with the facts in its metadata, or its table, changed."""
    table = pq.read_table(io.BytesIO(content))
    facts = json.loads(table.schema.metadata[b"nncore"])
    table = change(table, facts) or table
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"nncore": json.dumps(facts)}), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table, facts: facts.update(format=9), "format must be 1; got 9"),
        (lambda table, facts: facts["config"].update(hidden=[3]), "column theta must be"),
        (lambda table, facts: facts["config"].update(normalization="bach"), "did you mean 'batch'"),
        (lambda table, facts: facts["probe_x"].update(dtype="|O"), "dtype must be"),
        (lambda table, facts: facts["probe_x"].update(shape=[9, 9]), "reshape"),
        (lambda table, facts: facts.pop("stopped"), "stopped"),
        (lambda table, facts: facts.update(divergence={"stp": 1}), "stp"),
        (lambda table, facts: table.drop_columns(["grad"]), "column grad is missing"),
        (lambda table, facts: table.set_column(0, "step", table["step"].cast(pa.int32())), "step must be int64"),
    ],
)
def test_damaged_parquet_is_refused_with_the_reason(history, change, message):
    content = written(history, "parquet")
    assert_identical(read(rewritten(content, lambda table, facts: None), "parquet"), history)

    def keep_tables(table, facts):
        result = change(table, facts)
        return result if isinstance(result, pa.Table) else None

    assert_refused(rewritten(content, keep_tables), "parquet", message)


def test_parquet_of_somebody_else_is_refused():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"step": [1]}), buffer)
    assert_refused(buffer.getvalue(), "parquet", "it holds a table of something else, and names no run")
