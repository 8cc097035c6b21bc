"""Whether a run that was not closed is still written, by its file's time of change and the pauses between its records."""

import os
import shutil
from pathlib import Path

from nncore.recorders import Recorded
from nncore.recorders.example import example
from nncore.recorders.pulse import LEAST_SILENCE, TIMES, pulse
from nncore.recorders.stream import pieces

CASES = Path(__file__).parents[2] / "cases"
CHANGED = 1_000_000.0


def begun(folder: Path, records: int = 3) -> Recorded:
    path = example(folder / "run.arrows", records=records, finished=False)
    os.utime(path, (CHANGED, CHANGED))
    return Recorded.open(path)


def test_a_silence_is_an_end_only_where_it_is_longer_than_any_pause_explains(tmp_path: Path) -> None:
    recorded = begun(tmp_path)
    for silence, stopped in ((-5.0, False), (4.0, False), (LEAST_SILENCE, False), (LEAST_SILENCE + 1, True)):
        found = pulse(recorded, CHANGED + silence)
        assert found is not None and found.stopped == stopped and found.silence == max(silence, 0)
        assert ("stopped without an end, 3 records are here" in found.sentence()) == stopped
    recorded._records[1]["seconds"][:] = 100.0
    recorded._records[2]["seconds"][:] = 101.0
    recorded._forget()
    for silence, stopped in ((TIMES * 100.0, False), (TIMES * 100.0 + 1, True)):
        found = pulse(recorded, CHANGED + silence)
        assert found is not None and found.pause == 100.0 and found.stopped == stopped


def test_a_run_with_no_whole_record_yet_has_a_pulse_too(tmp_path: Path) -> None:
    content = (CASES / "gpt.arrows").read_bytes()
    header = next(piece.end for piece in pieces(memoryview(content)) if piece.header is not None)
    path = tmp_path / "run.arrows"
    path.write_bytes(content[:header])
    os.utime(path, (CHANGED, CHANGED))
    found = pulse(Recorded.open(path), CHANGED + 4)
    assert found is not None and found.sentence() == "no record so far, the file changed 4 s ago"
    found = pulse(Recorded.open(path), CHANGED + 2 * LEAST_SILENCE)
    assert found is not None and found.stopped and found.sentence().endswith("nothing has been written for 10 min.")


def test_a_log_never_stops_and_what_was_closed_or_is_at_no_path_has_none(tmp_path: Path) -> None:
    shutil.copy(CASES / "two_layers.tfevents", tmp_path / "events.out.tfevents.1")
    os.utime(tmp_path / "events.out.tfevents.1", (CHANGED, CHANGED))
    found = pulse(Recorded.open(tmp_path), CHANGED + 200 * LEAST_SILENCE)
    assert found is not None and not found.stopped and found.silence == 200 * LEAST_SILENCE
    assert pulse(Recorded.open(example(tmp_path / "closed.arrows"))) is None
    with open(example(tmp_path / "open.arrows", finished=False), "rb") as file:
        assert pulse(Recorded(file)) is None


def test_a_file_that_is_gone_has_none(tmp_path: Path) -> None:
    recorded = begun(tmp_path)
    (tmp_path / "run.arrows").unlink()
    assert pulse(recorded) is None
