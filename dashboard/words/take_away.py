"""What a file of a history holds, in words: how large it is, what opens it, what was left out of it."""

from __future__ import annotations

from dashboard.words.numbers import about_megabytes
from nncore import History
from nncore.history import SPREADSHEET_BYTES, SPREADSHEET_ROWS, Excerpt
from nncore.history.excerpt import listed_layers


def size_in_words(history: History, excerpt: Excerpt, size: int, kind: str) -> str:
    """Rows and size of a file, and whether a spreadsheet opens it."""
    if kind == "parquet":
        records = len(excerpt.records(history))
        return f"{records:,} {'row' if records == 1 else 'rows'}, one a step, {about_megabytes(size)}."
    rows = excerpt.rows(history)
    text = f"{rows:,} {'row' if rows == 1 else 'rows'}, {about_megabytes(size)}"
    if rows >= SPREADSHEET_ROWS:
        return f"{text}: too long for a spreadsheet, which has {SPREADSHEET_ROWS:,} rows."
    if kind == "csv":
        return f"{text}: {'opens in a spreadsheet' if size <= SPREADSHEET_BYTES else 'a spreadsheet opens it slowly'}."
    return f"{text}: short enough for a spreadsheet once it is unpacked."


def left_out_in_words(history: History, excerpt: Excerpt) -> str:
    """What is not in the file, and whether it opens here again."""
    config, layout = history.config, history.layout
    n_records, every = len(excerpt.records(history)), excerpt.every * config.record_every
    parts = []
    if n_records < len(history):
        number = f"{len(history) - n_records:,} of {len(history):,} recorded steps"
        parts.append(f"{number} (every {ordinal(every)} is in it)" if excerpt.every > 1 else number)
    if excerpt.layers is not None and len(excerpt.layers) < layout.n_layers:
        others = [layer for layer in range(1, layout.n_layers + 1) if layer not in excerpt.layers]
        parts.append(f"{listed_layers(others)} of {layout.n_layers}")
    parts += [word for name, word in (("theta", "θ"), ("gradient", "the gradient")) if name not in excerpt.columns]
    if not parts:
        return "Nothing is left out."
    text = f"Left out: {'; '.join(parts)}."
    if excerpt.is_history(history):
        return f"{text} It opens again here, as the run that records every {ordinal(every)} step."
    return f"{text} It is for a spreadsheet or pandas; a whole history is what opens again here."


def ordinal(number: int) -> str:
    """Which one of a row.

    >>> [ordinal(number) for number in (2, 3, 11, 21, 1012)]
    ['2nd', '3rd', '11th', '21st', '1,012th']
    """
    ending = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"
