"""The diagnosis is right about the labelled runs, and its remedies keep their word."""

from functools import cache

import numpy as np
import pytest

from nncore import ACTIVATIONS, DATASETS, OPTIMIZERS, run
from nncore.clinic import CASES, SICK, WELL, Examined, examined, rates
from nncore.clinic.__main__ import sick_row, well_row
from nncore.clinic.case import Case
from nncore.diagnosis import RULES
from nncore.diagnosis.loss_course import UNLEARNED, LossCourse

MENDED = tuple(SICK[::4])
"""Those whose remedies are tried out here; `python -m nncore.clinic` does it for all."""


@cache
def seen(case: Case) -> Examined:
    return examined(case)


def test_there_are_sick_and_well_runs_over_all_data_activations_and_optimizers() -> None:
    assert len(SICK) >= 45 and len(WELL) >= 45
    assert len({case.name for case in CASES}) == len({case.config for case in CASES}) == len(CASES)
    assert all(case.causes <= RULES.keys() and case.says.endswith(".") for case in CASES)
    healthy = [case.config for case in WELL]
    assert {config.dataset for config in healthy} >= set(DATASETS)
    assert {config.optimizer for config in healthy} == set(OPTIMIZERS)
    trainable = {name for name, phi in ACTIVATIONS.items() if phi.kind != "threshold"}
    assert {name for config in healthy for name in np.atleast_1d(config.activation).tolist()} == trainable


def test_the_labels_are_true_of_the_training() -> None:
    """A well run ends below the constant answer's loss; a sick one far above what a well one of its data has, or worse."""
    for case in WELL:
        history = run(case.config)
        assert LossCourse(history, history.last_finite).share < 0.75, case.name
    ended = [seen(case).end for case in SICK]
    assert np.mean([each.share > UNLEARNED or not each.is_finite for each in ended]) > 0.6


def test_every_sick_run_is_called_sick_and_its_cause_is_named() -> None:
    found = rates([seen(case) for case in CASES])
    assert found.called_sick == 1 and found.named >= 0.95
    assert found.false_alarms <= 0.02


@pytest.mark.parametrize("case", MENDED, ids=lambda case: case.name)
def test_the_best_remedy_keeps_its_word_to_the_end(case: Case) -> None:
    found = examined(case, with_remedies=True)
    assert found.remedy is not None and found.kept
    assert found.remedy.after.share < 0.95 * found.remedy.before.share


def test_a_row_says_what_was_found() -> None:
    row = sick_row(seen(SICK[0]))
    assert SICK[0].name in row and SICK[0].says in row and "Targets are not scaled | yes" in row
    assert well_row(seen(WELL[0])).endswith("yes |")
