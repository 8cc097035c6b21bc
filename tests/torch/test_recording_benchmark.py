"""The benchmark of the recorder runs, records what it says, and its page names every contender."""

import pytest
import torch

from benchmarks import recording


def test_the_benchmark_measures_and_reports_every_contender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "find_spec", lambda name: None)  # what may not be installed takes no part
    measured, recordings = {}, {}
    for name in recording.MODELS:
        measured[name], recordings[name] = recording.measure(name, rounds=1, block=1)
    text = recording.report(measured, recordings, 1)
    for label in ("training alone", "`nncore.recorders`, every step", "hooks by hand, every 10 steps"):
        assert f"| {label} | " in text
    assert all((found.quantity("gradient_norm") > 0).all() for found in recordings.values())
    sizes = [sum(torch.Size(unit.shape).numel() for unit in found.parameters) for found in recordings.values()]
    assert all(0.9e6 < size < 1.2e6 for size in sizes), sizes
