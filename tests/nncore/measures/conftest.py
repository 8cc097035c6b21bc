"""Each of the tiny runs in turn."""

import pytest

from nncore import History, run
from tests.nncore.measures.runs import CONFIGS


@pytest.fixture(scope="module", params=CONFIGS)
def history(request: pytest.FixtureRequest) -> History:
    return run(CONFIGS[request.param])
