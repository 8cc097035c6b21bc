"""Whatever a file holds, what is said of it is plain and short: no more than two lines of a screen."""

import io
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from nncore import RunConfig, run, sweep
from nncore.command.arguments import read_toml
from nncore.data.read_csv import read_table
from nncore.history.untrusted import read_history

LONGEST = 400
"""Characters: two lines of a screen that is wide enough for the app."""

JARGON = re.compile(
    r"Arrow|Thrift|thrift|TProtocol|deseriali[sz]e|NoneType|object is not|unhashable|Traceback|<_io|0x[0-9a-f]{4}"
)

FILES = 400


def check(said: str) -> None:
    """Assert that a message is short and in plain words."""
    assert 10 < len(said) <= LONGEST and "\n" not in said, said
    assert not JARGON.search(said), said


def mutated(rng: random.Random, content: bytes) -> bytes:
    """The file with bytes changed, cut out, doubled, or a long text put in."""
    found = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = rng.randrange(len(found))
        kind = rng.randrange(5)
        if kind == 0:
            found[place] = rng.randrange(256)
        elif kind == 1:
            del found[place : place + rng.choice([1, 10, 1000])]
        elif kind == 2:
            found[place:place] = found[place : place + 100]
        elif kind == 3:
            found[place:place] = rng.choice([b"x" * 7000, b'"' * 3, b"\n" * 50, "δ".encode() * 3000, b"\xff\xfe"])
        else:
            found = found[: max(place, 1)]
        if not found:
            return b"?"
    return bytes(found)


HISTORY = run(RunConfig(hidden=(3,), steps=4, n_samples=20))


def history_file(kind: str) -> bytes:
    target = io.BytesIO()
    HISTORY.to_csv(target) if kind == "csv" else HISTORY.to_parquet(target)
    return target.getvalue()


def table_file(_: str) -> bytes:
    return b"size,place,price\n" + b"".join(b"%d,%s,%d\n" % (i, b"abc"[i % 3 : i % 3 + 1], i * i) for i in range(40))


@pytest.mark.parametrize(
    ("kind", "make", "take"),
    [
        ("csv", history_file, lambda content, _: read_history(io.BytesIO(content), 2**28)),
        ("parquet", history_file, lambda content, _: read_history(io.BytesIO(content), 2**28)),
        ("table", table_file, lambda content, _: read_table(io.BytesIO(content))),
        ("toml", lambda _: b"seeds = 2\n[base]\nsteps = 2\n[grid]\ndepth = [1, 2]\n", lambda _, path: read_toml(path)),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_is_said_of_a_damaged_file_is_short_and_plain(
    kind: str, make: Callable, take: Callable, tmp_path: Path
) -> None:
    rng, content, refused = random.Random(kind), make(kind), 0
    for _ in range(FILES):
        changed = mutated(rng, content)
        path = tmp_path / "file"
        path.write_bytes(changed)
        try:
            take(changed, str(path))
        except ValueError as error:
            refused += 1
            check(str(error).replace(str(path), "file"))
    print(f"{kind}: {FILES} damaged files, {refused} refused")
    assert refused > 20


def test_what_is_said_of_a_damaged_sweep_is_short_and_plain(tmp_path: Path) -> None:
    for _ in sweep.write(tmp_path / "s", [RunConfig(hidden=(3,), steps=1, n_samples=20)]):
        pass
    (part,) = (tmp_path / "s" / "runs").iterdir()
    rng, refused = random.Random(0), 0
    for file in (part, tmp_path / "s" / "sweep.json"):
        whole = file.read_bytes()
        for _ in range(FILES // 4):
            file.write_bytes(mutated(rng, whole))
            for take in (sweep.table, lambda path: list(sweep.write(path, resume=True))):
                try:
                    take(tmp_path / "s")
                except ValueError as error:
                    refused += 1
                    check(str(error).replace(str(tmp_path), ""))
        file.write_bytes(whole)
    assert refused > 20


@pytest.mark.parametrize("value", ["x" * 6000, ["x" * 3000] * 3, {"a": "x" * 6000}, 10**400, None, [[[]]]])
@pytest.mark.parametrize("name", [field.name for field in RunConfig.fields()])
def test_what_is_said_of_a_setting_in_a_file_is_short(name: str, value: object) -> None:
    try:
        RunConfig.from_dict({**HISTORY.config.to_dict(), **json.loads(json.dumps({name: value}))})
    except ValueError as error:
        assert len(str(error)) < 2 * LONGEST and "\n" not in str(error)
