"""The file of a recorded run: whole up to any cut, read while it is written, refused when it is none; and its arrays."""

import copy
import csv
import io
import json
import pickle
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore.recorders import DISTRIBUTIONS, RECORDED_QUANTITIES, Recorded, Unit
from nncore.recorders.columns import FIRST_OCTAVE, STORED, schema
from nncore.recorders.example import example
from nncore.recorders.recorded import compact
from nncore.recorders.rows import RecordRows
from nncore.recorders.stream import MOST_BATCH_BYTES, StreamWriter, pieces
from nncore.recorders.units import MOST_UNITS, Header


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return example(tmp_path / "run.arrows", n_blocks=3, records=4)


def same(one: Recorded, other: Recorded, records: int | None = None) -> None:
    """The same numbers, bit for bit, in the first records."""
    records = len(one.steps) if records is None else records
    assert one.steps[:records].tolist() == other.steps[:records].tolist()
    assert one.modules == other.modules and one.parameters == other.parameters
    for name in RECORDED_QUANTITIES:
        np.testing.assert_array_equal(one.quantity(name)[:records], other.quantity(name)[:records])
    for name in DISTRIBUTIONS:
        for record in range(records):
            np.testing.assert_array_equal(one.distribution(name, record), other.distribution(name, record))


# Arrays ------------------------------------------------------------------------------------------------------------


def test_nobody_writes_into_its_arrays_through_a_base_or_a_copy(path: Path) -> None:
    recorded = Recorded.open(path)
    for name in RECORDED_QUANTITIES:
        recorded.quantity(name)
    for again in (recorded, pickle.loads(pickle.dumps(recorded)), copy.deepcopy(recorded)):
        same(again, recorded)
        for array in (again.steps, again.loss, *(again.quantity(name) for name in RECORDED_QUANTITIES)):
            while isinstance(array, np.ndarray):
                assert not array.flags.writeable
                array = array.base
        assert not again.refresh() and again.finished


def test_arrays_have_steps_first_and_modules_in_execution_order(path: Path) -> None:
    recorded = Recorded.open(path)
    assert recorded.steps.tolist() == [0, 10, 20, 30] and recorded.finished and recorded.ended == ""
    assert [module.name for module in recorded.modules][:4] == [
        "blocks.0.up",
        "blocks.0.act",
        "blocks.0",
        "blocks.1.up",
    ]
    assert recorded.quantity("delta_norm").shape == (4, 10) and recorded.quantity("update_norm").shape == (4, 8)
    assert recorded.loss.tolist() == [0.7, 0.7 - 0.05, 0.7 - 0.1, 0.7 - 0.05 * 3]
    np.testing.assert_allclose(recorded.quantity("delta_norm")[0], 0.5 ** np.arange(9, -1, -1))
    assert recorded.quantity("update_ratio")[0, 0] == 1e-3 and (recorded.quantity("clipping") == 1).all()
    np.testing.assert_allclose(recorded.quantity("delta_rms"), recorded.quantity("delta_norm") / np.sqrt(65))
    assert np.isnan(recorded.quantity("saturated_fraction")).all()
    assert recorded.passes().tolist() == [[1] * 10] * 4
    with pytest.raises(ValueError, match="read-only"):
        recorded.loss[0] = 1


def test_distributions_are_quantiles_and_octaves(path: Path) -> None:
    recorded = Recorded.open(path)
    quantiles = recorded.distribution("activation_quantiles", 1)
    assert quantiles.shape == (10, 33) and (quantiles[:, 0] == -1).all() and (quantiles[:, -1] == 1).all()
    octaves = recorded.distribution("delta_octaves", 0)
    assert octaves.shape == (10, 144) and (octaves.sum(axis=1) == 64).all(), "one of 65 is exactly 0"
    largest = [int(np.flatnonzero(row)[-1]) + FIRST_OCTAVE for row in octaves]
    assert np.diff(largest).tolist() == [1] * 9, "each module's δ is half of the next one's"
    assert recorded.has_distribution("gradient_octaves").all()


def test_blocks_and_the_gradients_path(path: Path, tmp_path: Path) -> None:
    recorded = Recorded.open(path)
    assert [(block.name, block.modules, block.output) for block in recorded.blocks] == [
        ("blocks.0", (0, 1, 2), 2),
        ("blocks.1", (3, 4, 5), 5),
        ("blocks.2", (6, 7, 8), 8),
        ("head", (9,), 9),
    ]
    assert recorded.path_of_gradient == (2, 5, 8, 9)
    chain = Recorded.open(example(tmp_path / "chain.arrows"))
    assert chain.path_of_gradient == (0, 2), "of a chain the modules with weights"


@pytest.mark.parametrize("name", ["detla_norm", "", "√size"])
def test_an_unknown_quantity_is_refused_with_the_choices(name: str, path: Path) -> None:
    with pytest.raises(ValueError, match="quantity must be one of loss, learning_rate"):
        Recorded.open(path).quantity(name)


# Files -------------------------------------------------------------------------------------------------------------


def test_parquet_holds_the_same_numbers(path: Path, tmp_path: Path) -> None:
    recorded = Recorded.open(path)
    recorded.to_parquet(tmp_path / "run.parquet")
    again = Recorded.open(tmp_path / "run.parquet")
    same(recorded, again)
    assert again.header == recorded.header


def test_a_stream_is_compacted_without_holding_it_and_holds_the_same(path: Path, tmp_path: Path) -> None:
    Recorded.open(path).to_parquet(tmp_path / "held.parquet")
    compact(path, tmp_path / "compacted.parquet")
    held, compacted = (Recorded.open(tmp_path / f"{name}.parquet") for name in ("held", "compacted"))
    same(held, compacted)
    assert held.header == compacted.header and compacted.finished
    content = path.read_bytes()
    path.write_bytes(content[:-2000])
    compact(path, tmp_path / "cut.parquet")
    assert not Recorded.open(tmp_path / "cut.parquet").finished
    path.write_bytes(content[:50])
    with pytest.raises(ValueError, match="its header is not whole"):
        compact(path, tmp_path / "cut.parquet")


def test_pandas_reads_the_parquet_file(path: Path, tmp_path: Path) -> None:
    import pandas as pd

    Recorded.open(path).to_parquet(tmp_path / "run.parquet")
    frame = pd.read_parquet(tmp_path / "run.parquet")
    assert len(frame) == 4 * 19 and frame["delta_norm"].notna().sum() == 4 * 10


def test_the_csv_is_tidy_and_no_spreadsheet_takes_a_name_for_a_formula(tmp_path: Path) -> None:
    units = (Unit("run", ""), Unit("module", '=HYPERLINK("x")', order=0))
    writer = StreamWriter(tmp_path / "run.arrows")
    rows = RecordRows(5, 2)
    rows.put("loss", [0], 0.25)
    rows.put("delta_norm", [1], 1e-40)
    rows.put("activation_mean", [1], np.nan)
    writer.append(rows.rows())
    writer.close(Header(units))
    file = io.BytesIO()
    Recorded.open(tmp_path / "run.arrows").to_csv(file)
    assert list(csv.reader(io.StringIO(file.getvalue().decode()))) == [
        ["step", "layer", "quantity", "value"],
        ["5", "", "loss", "0.25"],
        ["5", '\'=HYPERLINK("x")', "activation_mean", "nan"],
        ["5", '\'=HYPERLINK("x")', "delta_norm", "1e-40"],
    ]


def test_the_csv_of_a_run_has_a_row_for_every_number(path: Path) -> None:
    recorded = Recorded.open(path)
    frame = recorded.frame()
    assert frame["step"].is_monotonic_increasing and not frame["value"].isna().any()
    numbers = sum(int(recorded.has_number(name).sum()) for name in RECORDED_QUANTITIES)
    assert len(frame) == numbers == sum(int(np.isfinite(recorded.quantity(name)).sum()) for name in RECORDED_QUANTITIES)
    one = frame[(frame["step"] == 20) & (frame["layer"] == "blocks.1") & (frame["quantity"] == "delta_norm")]
    assert one["value"].to_list() == [recorded.quantity("delta_norm")[2, 5]]


def test_a_file_cut_anywhere_keeps_what_was_whole_and_reading_goes_on_from_there(tmp_path: Path) -> None:
    path, batches = tmp_path / "run.arrows", 5
    writer = StreamWriter(path)
    for record in range(batches):
        units = (Unit("run", ""), *(Unit("module", f"m{k}", order=k if k <= record else -1) for k in range(batches)))
        rows = RecordRows(record, len(units))
        rows.put("delta_norm", range(1, 2 + record), np.arange(1.0 + record))
        writer.append(rows.rows())
        writer.flush(Header(units))
    writer.close(Header(units, finished=True))
    content, whole = path.read_bytes(), Recorded.open(path)
    ends = [piece.end for piece in pieces(memoryview(content))]
    first = ends[0]
    with_rows = [piece.end for piece in pieces(memoryview(content)) if piece.rows is not None]
    cuts = {cut for end in ends for cut in (end - 1, end, end + 1, end + 7, end + 9)} | set(
        range(first, len(content), 131)
    )
    for cut in sorted(cut for cut in cuts if first <= cut <= len(content)):
        path.write_bytes(content[:cut])
        recorded = Recorded.open(path)
        assert len(recorded.steps) == sum(end <= cut for end in with_rows)
        assert not recorded.finished or cut >= ends[-2]
        for record, step in enumerate(recorded.steps):
            assert step == record and np.isfinite(recorded.quantity("delta_norm")[record]).sum() == record + 1
        path.write_bytes(content)
        assert recorded.refresh() == (cut < len(content))
        same(recorded, whole)
        assert recorded.finished and not recorded.refresh()
    for cut in range(0, first, 11):
        path.write_bytes(content[:cut])
        with pytest.raises(ValueError, match="no recorded run"):
            Recorded.open(path)


def test_a_unit_that_is_seen_later_gets_its_place_from_a_later_header(tmp_path: Path) -> None:
    path = tmp_path / "run.arrows"
    before = (Unit("run", ""), Unit("module", "late"), Unit("module", "early", order=0))
    after = (Unit("run", ""), Unit("module", "late", order=1, shape=(2, 3)), Unit("module", "early", order=0))
    writer = StreamWriter(path)
    for step, units in enumerate((before, after)):
        rows = RecordRows(step, 3)
        rows.put("delta_norm", [1, 2], [1.0, 2.0])
        writer.append(rows.rows())
        writer.flush(Header(units))
    writer.abandon()
    recorded = Recorded.open(path)
    assert [module.name for module in recorded.modules] == ["early", "late"] and recorded.modules[1].shape == (2, 3)
    assert recorded.quantity("delta_norm").tolist() == [[2, 1], [2, 1]] and not recorded.finished


def test_a_file_that_is_there_is_never_written_over(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="path must name a new file"):
        StreamWriter(path)
    assert path.read_bytes() == before


def test_an_error_that_ended_recording_is_read(tmp_path: Path) -> None:
    writer = StreamWriter(tmp_path / "run.arrows")
    writer.close(Header((Unit("run", ""),), finished=True, ended="ValueError: no"))
    recorded = Recorded.open(tmp_path / "run.arrows")
    assert recorded.finished and recorded.ended == "ValueError: no" and not len(recorded.steps)
    assert recorded.loss.shape == (0,) and recorded.frame().empty and "no step yet" in repr(recorded)


# What is no recorded run ---------------------------------------------------------------------------------------------


def refused(content: bytes, **more: int) -> str:
    with pytest.raises(ValueError) as caught:
        Recorded(io.BytesIO(content), **more)
    message = str(caught.value)
    assert message.count("\n") == 0 and "recorded run" in message
    return message


def test_other_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    history = io.BytesIO()
    nncore.run(nncore.RunConfig(hidden=(3,), steps=2)).to_parquet(history)
    assert "holds no recorded measurements" in refused(history.getvalue())
    for content in (b"", b"step,loss\n1,2\n", b"\x00" * 100, b"\xff\xff\xff\xff", b"PAR1", b"PAR1" + b"\x00" * 50):
        refused(content)


@pytest.mark.parametrize("change", [b"\x00", b"\xff", b"\x81"])
def test_a_damaged_byte_is_a_sentence_or_another_number_and_nothing_else(change: bytes, path: Path) -> None:
    content = bytearray(path.read_bytes())
    refusals = 0
    for place in range(0, len(content), max(1, len(content) // 400)):
        damaged = bytes(content[:place]) + change + bytes(content[place + 1 :])
        try:
            recorded = Recorded(io.BytesIO(damaged))
            for name in RECORDED_QUANTITIES:
                recorded.quantity(name)
        except ValueError as error:
            refusals += 1
            assert "\n" not in str(error)
    assert refusals > 20


def header(**changes: object) -> str:
    facts = json.loads(Header((Unit("run", ""), Unit("module", "a"))).to_json())
    return json.dumps({**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "history"}, "no recorded measurements"),
        ({"format": 2}, "its format must be 1; got 2"),
        ({"units": []}, "from 1 to 10,000 units"),
        ({"units": [{"role": "module", "name": "a"}] * 2}, "first unit must be the run"),
        ({"units": [{"role": "run", "name": ""}, *[{"role": "module", "name": "a"}] * 2]}, "the same name"),
        ({"units": [{"role": "run", "name": ""}] * (MOST_UNITS + 1)}, "from 1 to 10,000 units"),
        ({"units": [{"role": "king", "name": ""}]}, "role must be one of run, module, parameter"),
        ({"units": [{"role": "run", "name": "a" * 501}]}, "at most 500 characters"),
        ({"units": [{"role": "run", "name": "", "order": True}]}, "order must be of type int"),
        ({"units": [{"role": "run", "name": "", "shape": [1.5]}]}, "whole numbers"),
        ({"units": ["run"]}, "must be a JSON object"),
        ({"every": 0}, "every must be a whole number"),
        ({"caveats": "no"}, "list of sentences"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Header.from_json(header(**changes))
    assert Header.from_json(header()).units[1].name == "a"


def test_rows_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    def file(name: str, *records: tuple[int, int]) -> bytes:
        writer = StreamWriter(tmp_path / name)
        for step, unit in records:
            rows = RecordRows(step, 5)
            rows.put("delta_norm", [unit], 1.0)
            writer.append(rows.rows())
        writer.flush(Header((Unit("run", ""), Unit("module", "a"))))
        writer.abandon()
        return (tmp_path / name).read_bytes()

    assert "steps do not increase" in refused(file("twice", (3, 1), (5, 1), (3, 1)))
    assert "a row is of no unit" in refused(file("unit", (3, 4)))
    assert "a unit has two rows at step 3" in refused(file("rows", (3, 1), (3, 1)))


def test_a_budget_is_held(path: Path) -> None:
    content = path.read_bytes()
    assert "allowed" in refused(content, memory_budget=20_000)
    assert len(Recorded(io.BytesIO(content), memory_budget=2_000_000).steps) == 4
    parquet = io.BytesIO()
    Recorded.open(path).to_parquet(parquet)
    assert "allowed" in refused(parquet.getvalue(), memory_budget=10_000)


def test_a_batch_that_would_fill_the_memory_is_refused_before_it_is_decompressed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    batch = next(piece for piece in pieces(memoryview(content)) if piece.rows is not None)
    zstd = content.find(b"\x28\xb5\x2f\xfd", 0, batch.end)  # the magic number of a zstd frame, behind its length
    assert struct.unpack_from("<q", content, zstd - 8)[0] < 10_000
    struct.pack_into("<q", content, zstd - 8, 2 * MOST_BATCH_BYTES)
    assert "one batch of it would take" in refused(bytes(content))


def test_every_stored_quantity_has_a_column_and_a_meaning() -> None:
    names = schema().names
    assert set(STORED) | set(DISTRIBUTIONS) | {"step", "unit", "passes", "size"} == set(names)
    for name, quantity in RECORDED_QUANTITIES.items():
        assert quantity.name == name and quantity.about.endswith(".") and quantity.label and quantity.symbol


def test_a_run_without_calls_is_shown_by_its_modules_with_weights(tmp_path: Path) -> None:
    recorded = Recorded.open(example(tmp_path / "run.arrows", n_blocks=2))
    units = tuple(replace(unit, order=-1) for unit in recorded.header.units)
    parts = Recorded.of(replace(recorded.header, units=units), [])
    assert [parts.modules[place].name for place in parts.called] == ["blocks.0.up", "blocks.1.up", "head"]
    assert [recorded.modules[place].name for place in recorded.called] == [module.name for module in recorded.modules]
