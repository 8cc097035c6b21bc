"""`nncore diagnose` and `nncore export` of a run recorded from somebody else's training, also while it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nncore.diagnosis.recorded_run import RecordedVerdict, last_finite, recorded_verdict, without_a_number
from nncore.recorders import Recorded
from nncore.recorders.pulse import duration, pulse
from nncore.recorders.recorded import is_recorded


def recorded_in(path: Path) -> Recorded | None:
    """The recorded run in a file, or a log in its folder, by its content; None where it is another.

    Raises ValueError where it cannot be read.
    """
    try:
        return Recorded.open(path) if path.suffix == ".arrows" or is_recorded(path) else None
    except OSError as error:
        if path.suffix == ".arrows":
            raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
        return None


def check_no_folder(path: Path) -> None:
    """Raise ValueError, one sentence that says where in it event files lie, on a folder that is no recorded run itself."""
    if not path.is_dir():
        return
    found = [each for each in sorted(path.iterdir()) if each.is_dir() and is_recorded(each)]
    names = ", ".join(map(str, found[:4])) + " …" * (len(found) > 4)
    where = f": there are some in {names}" if found else ""
    raise ValueError(f"{path} is a folder without event files of TensorBoard{where}")


def recorded_report(
    recorded: Recorded, step: int | None
) -> tuple[dict[str, Any], tuple[RecordedVerdict, ...], list[str]]:
    """What became of a recorded run and what is wrong at the record nearest to a step: as facts, verdicts and lines of text."""
    if not len(recorded.steps):
        raise ValueError(f"{recorded.path} holds no whole record yet: ask again after the first step")
    record = last_finite(recorded) if step is None else int(np.argmin(np.abs(recorded.steps - step)))
    found = recorded_verdict(recorded, record)
    path = [place for place in recorded.path_of_gradient if np.isfinite(recorded.quantity("delta_norm")[record, place])]
    names, delta = [recorded.modules[place].name for place in path], recorded.quantity("delta_norm")[:, path]
    alive = pulse(recorded)
    ending = (
        f"ended by {recorded.ended}"
        if recorded.ended
        else "a log, which does not tell whether more will come"
        if recorded.header.is_log
        else "finished"
        if recorded.finished
        else f"still written, the last record {duration(alive.silence)} ago"
        if alive is not None and not alive.stopped
        else "stopped without an end"
    )
    facts = {
        "framework": recorded.header.framework,
        "finished": None if recorded.header.is_log else recorded.finished,
        "stopped": alive is not None and alive.stopped,
        "ended": recorded.ended,
        "records": len(recorded.steps),
        "modules": len(recorded.modules),
        "parameters": len(recorded.parameters),
        "step": int(recorded.steps[record]),
        "loss_first": float(recorded.loss[0]),
        "loss": float(recorded.loss[record]),
        "delta_norm": dict(zip(names, delta[record].tolist(), strict=True)),
        "verdicts": [vars(each) for each in found],
        "caveats": list(recorded.caveats),
    }
    lines = [
        f"{recorded.header.framework}: {len(recorded.modules)} modules, {len(recorded.parameters)} parameters, "
        f"{len(recorded.steps):,} records to step {recorded.steps[-1]:,}; {ending}"
    ]
    if np.isfinite(recorded.loss[[0, record]]).all():
        lines.append(f"loss {recorded.loss[0]:.4g} -> {recorded.loss[record]:.4g} at step {recorded.steps[record]:,}")
    if len(path) > 1:
        with np.errstate(all="ignore"):
            ratio = delta[:, 0] / delta[:, -1]
        lines.append(f"δ of {names[0]} over {names[-1]}: {ratio[0]:.1e} -> {ratio[record]:.1e}")
    if alive is not None and alive.stopped:
        lines.append(alive.sentence())
    lines += [f"{each.title}: {each.sentence}" for each in found] or ["Nothing wrong was found."]
    if not recorded.has_number("delta_norm").any() and (idle := without_a_number(recorded, record)):
        lines.append(f"Not judged, for what they look at was not recorded: {', '.join(rule.title for rule in idle)}.")
    return facts, found, [*lines, *recorded.caveats]


def recorded_writers(recorded: Recorded) -> dict[str, Callable[[Any], None]]:
    """Kind of file -> what writes it."""
    return {"csv": recorded.to_csv, "parquet": recorded.to_parquet}
