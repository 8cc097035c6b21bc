"""What both formats hold beside their rows: settings, facts and probe rows, each checked when it is read."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from nncore.config.own import NotRegistered, own_ones_missed
from nncore.config.run_config import TABLE, RunConfig
from nncore.data.table import TableNotHere
from nncore.history.excerpt import part_in_words
from nncore.history.history import Divergence, History, Target
from nncore.numerics.read_only import read_only
from nncore.numerics.sentences import in_a_line

FORMAT = 1
"""Version of both file formats."""

BLOCK_BYTES = 4 * 2**20
"""Arrays that are written, or looked at, at once."""


class PartOfHistory(ValueError):
    """A file that holds some of a history's steps, layers or columns, and says so."""


def binary(place: Target) -> Target:
    """The same path or open file. Raises ValueError on one that is open as text."""
    if isinstance(place, io.TextIOBase):
        raise ValueError("a history's file must be a path or a binary file, such as io.BytesIO(); got one open as text")
    return place


@contextmanager
def opened(source: Target) -> Iterator[IO[bytes]]:
    """A file to read from: one that is open already stays open. Raises ValueError on one that is open as text."""
    source = binary(source)
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            yield file
    else:
        yield source


@contextmanager
def not_a_history(kind: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn whatever is wrong with a file's content into one sentence."""
    expected: tuple[type[Exception], ...] = (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        *errors,
    )
    try:
        with own_ones_missed():
            yield
    except (TableNotHere, PartOfHistory, NotRegistered):
        raise
    except expected as error:
        raise ValueError(
            f"this is not a history in {kind}, or a damaged one: {_reason(error, kind, errors)}"
        ) from error


HELPFUL = re.compile(r"Row #\d+: Expected \d+ columns, got \d+|Expected \d+ columns, got \d+|invalid value '.{0,40}")
"""What Arrow says of a CSV file and helps a reader; the row that it quotes after it does not."""


def _reason(error: Exception, kind: str, of_the_reader: tuple[type[Exception], ...]) -> str:
    """Why, in plain words and no more than a line of what the file holds."""
    if isinstance(error, of_the_reader):
        helpful = HELPFUL.search(str(error))
        return in_a_line(helpful[0]) if helpful else f"its bytes do not read as {kind}"
    if isinstance(error, LookupError):
        return f"it lacks {in_a_line(str(error))}"
    if isinstance(error, ValueError) and str(error):
        return in_a_line(str(error).splitlines()[0].rstrip("."))
    unknown = re.search("unexpected keyword argument ('.{1,40}')", str(error))
    if unknown:
        return f"it says {unknown[1]}, which is not known"
    return "what it says of its run is not complete, or of another kind"


def parsed(text: str | bytes) -> dict[str, Any]:
    """The JSON object in a text; raises ValueError when it is none."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"the settings of the run must be JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(f"the settings of the run must be a JSON object; got {type(found).__name__}")
    return found


def checked(facts: Any) -> dict[str, Any]:
    """What the settings do not say, if this version can read it."""
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        found = facts.get("format") if isinstance(facts, dict) else None
        raise ValueError(f"its format must be {FORMAT}; got {reprlib.repr(found)}")
    return facts


def check_whole(facts: Any) -> None:
    """Raise PartOfHistory, one sentence that says what it is, where a file holds no more than an excerpt that is no history."""
    if isinstance(facts, dict) and "part" in facts:
        raise PartOfHistory(
            f"this is a part of a history, {part_in_words(facts['part'])}: a spreadsheet or pandas opens it, and a history "
            "needs θ and gradient of every layer"
        )


def about_table(config: RunConfig) -> dict[str, Any]:
    """What a file says of the table of a run on rows of one's own: {"table": choice -> outline}; nothing of other runs."""
    return {"table": {str(config.choice): config.choice.outlined.to_dict()}} if config.dataset == TABLE else {}


def bytes_left(file: IO[bytes]) -> int:
    """Bytes from where a file stands to its end."""
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end - here


def empty_arrays(config: RunConfig, n_records: int, memory_budget: int | None) -> dict[str, np.ndarray]:
    """Arrays for so many records, to be filled; raises ValueError when they would exceed `memory_budget` bytes."""
    layout = config.layout()
    vectors = 2 * layout.n_params * np.dtype(config.dtype).itemsize
    size = n_records * (vectors + 8 * layout.n_layers + 16)
    if memory_budget is not None and size > memory_budget:
        raise ValueError(
            f"its {n_records:,} records of {layout.n_params:,} parameters would take {size / 2**20:,.0f} MB and "
            f"{memory_budget / 2**20:,.0f} MB are allowed"
        )
    return {
        "step": np.empty(n_records, np.int64),
        "loss": np.empty(n_records),
        "theta": np.empty((n_records, layout.n_params), config.dtype),
        "grad": np.empty((n_records, layout.n_params), config.dtype),
        "update_norm": np.empty((n_records, layout.n_layers)),
    }


def history_of(
    config: RunConfig, facts: dict[str, Any], arrays: dict[str, np.ndarray], probe: tuple[np.ndarray, np.ndarray]
) -> History:
    """The history of these settings, facts, arrays and probe rows."""
    divergence = Divergence(**facts["divergence"]) if facts["divergence"] else None
    arrays = {name: read_only(array) for name, array in arrays.items()}
    return History(
        config=config, **arrays, probe_x=probe[0], probe_y=probe[1], stopped=facts["stopped"], divergence=divergence
    )


def packed(array: np.ndarray) -> dict[str, Any]:
    """An array as JSON: its bytes, little-endian, in base64."""
    array = array.astype(array.dtype.newbyteorder("<"))
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "base64": base64.b64encode(array.tobytes()).decode("ascii"),
    }


def unpacked(packed: dict[str, Any]) -> np.ndarray:
    """The array that `packed` wrote; raises ValueError on a type that it never writes."""
    if packed["dtype"] not in ("<f4", "<f8", "<i8"):
        raise ValueError(f"an array's dtype must be <f4, <f8 or <i8; got {reprlib.repr(packed['dtype'])}")
    array = np.frombuffer(base64.b64decode(packed["base64"], validate=True), packed["dtype"])
    return array.reshape(packed["shape"]).astype(array.dtype.newbyteorder("="))
