"""The one sentence that a config is refused with."""

from typing import Any

import pytest

from nncore import RunConfig


def refused(**settings: Any) -> str:
    """The message of a refusal, which is one sentence."""
    with pytest.raises(ValueError) as caught:
        RunConfig(**settings)
    message = str(caught.value)
    assert message and "\n" not in message
    return message
