"""A few kilobytes of Parquet that stand for gigabytes are a sentence, or cost nothing."""

import base64
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nncore import RunConfig, run
from nncore.history import parquet as module
from nncore.history.untrusted import read_history

LARGE = 20_000_000
"""Bytes, of 20 MB, into which a bomb grows here."""


@pytest.fixture(scope="module")
def table() -> pa.Table:
    file = io.BytesIO()
    run(RunConfig(hidden=(4,), steps=3, n_samples=40)).to_parquet(file)
    file.seek(0)
    return pq.read_table(file)


def file_of(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def refused(content: bytes) -> str:
    with pytest.raises(ValueError) as caught:
        read_history(io.BytesIO(content), 2**29)
    return str(caught.value)


def lists(sizes: list[int]) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(np.cumsum([0, *sizes]), pa.int32()), pa.array(np.zeros(sum(sizes))))


def whole(number: int, length: int = 0) -> bytes:
    """A number as Thrift writes it, in as many bytes at least."""
    number, found = 2 * number, []
    while number or len(found) < max(length, 1):
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found[:-1], found[-1] & 127])


def nested(depth: int) -> pa.Array:
    array = pa.array([0] * 4, pa.int8())
    for _ in range(depth):
        array = pa.StructArray.from_arrays([array], ["a"])
    return array


EXTRA = {
    "lists": lambda: lists([LARGE // 8, 0, 0, 0]),
    "texts by a dictionary": lambda: pa.DictionaryArray.from_arrays(pa.array([0] * 4), pa.array(["x" * LARGE])),
    "nested fifty deep": lambda: nested(50),
}


@pytest.mark.parametrize("extra", EXTRA.values(), ids=EXTRA)
def test_an_extra_column_is_never_unpacked(extra, table: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    content = file_of(table.append_column("extra", extra()))
    assert len(content) < LARGE / 100
    read = pq.ParquetFile.read_row_group
    asked = []

    def noted(self: pq.ParquetFile, group: int, columns: list[str]) -> pa.Table:
        asked.extend(columns)
        return read(self, group, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", noted)
    assert len(read_history(io.BytesIO(content), 2**29)) == 4
    assert sorted(asked) == ["grad", "loss", "step", "theta", "update_norm"]


def test_a_column_that_is_nested_without_end_is_a_sentence(table: pa.Table) -> None:
    assert "its bytes do not read as Parquet" in refused(file_of(table.append_column("deep", nested(400))))


def test_a_record_with_more_numbers_than_the_network_is_refused_unread(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    width = table.schema.field("theta").type.list_size
    theta = lists([LARGE // 8, width, width, width])
    inner = pa.list_(pa.field("element", pa.float64(), nullable=False))
    kinds = {name: inner if name == "theta" else table.schema.field(name).type for name in table.column_names}
    schema = pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])
    columns = [theta.cast(inner) if name == "theta" else table[name] for name in kinds]
    told = {**table.schema.metadata, b"ARROW:schema": base64.b64encode(table.schema.serialize().to_pybytes())}
    file = io.BytesIO()
    with pq.ParquetWriter(file, schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(pa.table(columns, schema=schema))
        writer.add_key_value_metadata({key.decode(): value.decode() for key, value in told.items()})
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda *_, **__: pytest.fail("it was unpacked"))
    content = file.getvalue()
    sentence = f"column theta holds {LARGE // 8 + 3 * width:,} numbers or more, and its records have {4 * width}"
    assert sentence in refused(content)
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    told = content[footer:].replace(whole(LARGE // 8 + 3 * width), whole(4 * width, len(whole(LARGE // 8 + 3 * width))))
    assert told != content[footer:]
    assert sentence in refused(content[:footer] + told), "whatever the summary at its end says"


def test_a_description_of_columns_that_is_longer_than_any_historys_is_refused_unread(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = table
    for number in range(200):
        wide = wide.append_column(f"extra {number}", pa.nulls(4, pa.int8()))
    content = file_of(wide)
    assert len(read_history(io.BytesIO(content), 2**29)) == 4
    monkeypatch.setattr(module, "FOOTER_BYTES", 2**13)
    monkeypatch.setattr(pq, "ParquetFile", lambda *_: pytest.fail("it was parsed"))
    assert "the description of its columns has" in refused(content)
