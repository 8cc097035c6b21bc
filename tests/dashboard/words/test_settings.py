"""Every setting has a label and words for whatever stands in it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dashboard
from dashboard.words.labels import GROUPS, LABELS, LAYERS, WIDGETS, label
from dashboard.words.settings import in_words, phrase
from nncore import RunConfig

FIELDS = {field.name: field for field in RunConfig.fields()}


def test_every_field_has_a_label_of_its_own_and_every_group_a_heading() -> None:
    assert set(LABELS) == set(FIELDS)
    assert len({*LABELS.values(), *LAYERS.values()}) == len(LABELS) + len(LAYERS)
    assert set(GROUPS) == {field.metadata["group"] for field in FIELDS.values()}
    assert set(WIDGETS) == set(LABELS) - {"hidden"} | set(LAYERS)


def test_names_of_nothing_known_become_labels() -> None:
    assert (label("clip_norm"), label("depth"), label("sigma_w2"), label("per_class")) == (
        "Clip norm",
        "Depth",
        "σ_w²",
        "Per class",
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("clip_value", None, "none"),
        ("alpha", None, "textbook value"),
        ("features", (), "none"),
        ("features", ["x1_x2", "sin_x1"], "x1_x2, sin_x1"),
        ("table", "", "none"),
        ("hidden", (), "no hidden layer"),
        ("hidden", (8, 8), "2 × 8"),
        ("hidden", (8, 4), "8, 4"),
        ("hidden", tuple(range(1, 101)), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, …"),
        ("nesterov", np.bool_(False), "off"),
        ("learning_rate", np.float64(1e-6), "1e-06"),
        ("seed", 4_294_967_295, "4294967295"),
    ],
)
def test_value_is_said_in_one_way(name: str, value: Any, words: str) -> None:
    assert in_words(name, value) == words


@pytest.mark.parametrize("name", FIELDS)
def test_default_of_every_setting_has_words_and_a_phrase(name: str) -> None:
    value = FIELDS[name].default
    assert in_words(name, value)
    assert phrase(name, value) or name in ("table", "rows")


def test_words_load_no_streamlit() -> None:
    code = "import sys, dashboard.words.settings; assert 'streamlit' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(dashboard.__file__).parents[1]).returncode == 0
