import pytest

from dashboard.jobs import progress
from dashboard.views.lab import headline
from tests.patience import PATIENCE


@pytest.fixture(autouse=True)
def nobody_hurries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page waits for its run and its remedies, however busy the machine is; a test of what it shows meanwhile hurries."""
    monkeypatch.setattr(progress, "INLINE_SECONDS", PATIENCE)
    monkeypatch.setattr(headline, "AT_FIRST_SECONDS", PATIENCE)
