"""A name that is not among the choices gets one helpful sentence."""

import re

import pytest

from nncore.numerics.choices import choose

CHOICES = ("linear", "relu", "tanh")


def test_mapping_gives_its_entry_and_collection_the_name_itself() -> None:
    assert choose("activation", "relu", {"relu": 7}) == 7
    assert choose("activation", "relu", CHOICES) == "relu"


@pytest.mark.parametrize(("name", "near"), [("rleu", "relu"), ("TANH", "tanh"), ("liner", "linear")])
def test_error_names_the_nearest_choice(name: str, near: str) -> None:
    expected = f"activation must be one of linear, relu, tanh; got {name!r} (did you mean {near!r}?)"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        choose("activation", name, CHOICES)


@pytest.mark.parametrize("name", ["", "zzz", "relu ten times over", None, 3, 1.5, ("relu",), ["relu"], b"relu"])
def test_error_offers_nothing_where_nothing_is_near(name: object) -> None:
    with pytest.raises(ValueError, match="one of linear, relu, tanh; got") as caught:
        choose("activation", name, CHOICES)
    assert "did you mean" not in str(caught.value)
