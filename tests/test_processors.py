"""The command that computes as other processors do is sure of what computes, and says where it cannot compare."""

from pathlib import Path

import pytest

from tests import processors

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("path", processors.NUMERICAL)
def test_the_numerical_tests_are_there(path: str) -> None:
    assert (ROOT / path.partition("::")[0]).exists()


def test_probe_answers_with_the_kernel_and_a_process_that_ends_with_nothing() -> None:
    assert processors.probe() == processors.architecture()
    assert processors.asked("no_such_function") == ""


@pytest.mark.parametrize("crashes", [False, True])
def test_fewer_than_three_kernels_are_refused_in_a_sentence(
    crashes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processors, "asked", lambda function, **changes: "" if crashes else "Haswell")
    monkeypatch.setattr(processors, "passes", lambda name, changes: pytest.fail("it ran"))
    assert processors.main() == 2
    found = "0 (none)" if crashes else "1 (Haswell)"
    assert f"At least 3 kernels of OpenBLAS are needed to compare, and this processor runs {found}" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("fails", ["", "OpenBLAS kernel B", "NumPy without"])
def test_every_kernel_is_run_once_and_one_failure_fails(fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["", "A", "B", "A", "C"])
    monkeypatch.setattr(processors, "asked", lambda function, **changes: next(answers, ""))
    ran: dict[str, dict[str, str]] = {}

    def passes(name: str, changes: dict[str, str]) -> bool:
        ran[name] = changes
        return not fails or not name.startswith(fails)

    monkeypatch.setattr(processors, "passes", passes)
    assert processors.main() == (1 if fails else 0)
    first = processors.KERNELS
    kernels = [changes for name, changes in ran.items() if name.startswith("OpenBLAS kernel")]
    assert [(each["OPENBLAS_CORETYPE"], each[processors.KERNEL]) for each in kernels] == [
        (first[1], "A"),
        (first[2], "B"),
        (first[4], "C"),
    ]
    (plain,) = (changes for name, changes in ran.items() if name.startswith("NumPy without"))
    assert plain["NPY_DISABLE_CPU_FEATURES"].split() == processors.dispatched()


@pytest.mark.parametrize(
    ("name", "value"),
    [(processors.KERNEL, "Another"), (processors.FEATURES, "FIRST SECOND")],
    ids=["kernel", "features"],
)
def test_a_run_that_does_not_compute_as_it_was_asked_to_is_ended(
    name: str, value: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "dispatched", lambda: ["SECOND", "THIRD"])
    processors.pytest_sessionstart(request.session)
    monkeypatch.setenv(name, value)
    with pytest.raises(pytest.UsageError, match=value.split()[0]):
        processors.pytest_sessionstart(request.session)
