"""The operator's four settings: an environment variable, else a Streamlit secret, else the default."""

import math
from pathlib import Path
from typing import Any

import pytest

from dashboard.jobs import limits, registry
from dashboard.jobs.work import RunRequest
from tests.dashboard.jobs.conftest import SMALL
from tests.dashboard.lab import SMALL as QUERY
from tests.dashboard.lab import opened

READ = {
    limits.MAX_SECONDS: limits.seconds_allowed,
    limits.MAX_MB: limits.bytes_allowed,
    limits.SCHEDULER: limits.scheduler,
    limits.SWEEPS: limits.sweeps,
}
SETTINGS = [
    (limits.MAX_SECONDS, 120, {"7": 7.0, " 0.5 ": 0.5, "1e3": 1000.0, "inf": math.inf}),
    (limits.MAX_MB, 512 * 2**20, {"7": 7 * 2**20, " 0.5 ": 2**19, "inf": 2**63 - 1}),
    (limits.SCHEDULER, None, {" tcp://10.1.2.3:8786 ": "tcp://10.1.2.3:8786"}),
    (limits.SWEEPS, None, {"/srv/sweeps": Path("/srv/sweeps"), "~/sweeps": Path.home() / "sweeps"}),
]
"""Name, default, text of the setting -> what it means."""


class Secrets(dict[str, Any]):
    """Streamlit's secrets, from a file that has these."""

    def load_if_toml_exists(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in READ:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(limits.st, "secrets", Secrets())


@pytest.mark.parametrize(("name", "default", "values"), SETTINGS)
def test_setting_comes_from_the_environment_else_from_secrets_else_is_the_default(
    name: str, default: object, values: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = READ[name]
    assert read() == default
    for text, value in values.items():
        monkeypatch.setattr(limits.st, "secrets", Secrets({name: text}))
        assert read() == value
    monkeypatch.setenv(name, "  ")
    assert read() == value
    for text, value in values.items():
        monkeypatch.setattr(limits.st, "secrets", Secrets({name: "3"}))
        monkeypatch.setenv(name, text)
        assert read() == value


@pytest.mark.parametrize("value", [90, 1.5])
@pytest.mark.parametrize("name", [limits.MAX_SECONDS, limits.MAX_MB])
def test_number_may_stand_in_the_secrets_without_quotes(name: str, value: float, monkeypatch) -> None:
    monkeypatch.setattr(limits.st, "secrets", Secrets({name: value}))
    assert READ[name]() == value * (2**20 if name == limits.MAX_MB else 1)


@pytest.mark.parametrize("text", ["two minutes", "0", "-1", "nan", "12 s", "{'a': 1}"])
@pytest.mark.parametrize(("name", "unit"), [(limits.MAX_SECONDS, "seconds"), (limits.MAX_MB, "megabytes")])
def test_number_that_cannot_be_used_is_one_sentence_on_every_page(name, unit, text, monkeypatch) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ValueError) as error:
        limits.check()
    assert str(error.value) == f"{name} must be a number of {unit} above 0; got {text!r}"
    app = opened(**QUERY)
    assert not app.exception
    assert [each.value for each in app.error] == [f"This site is not set up: {error.value}."]
    assert not app.main.get("bidi_component")


def test_settings_of_the_operator_bound_runs_histories_and_tables(monkeypatch) -> None:
    request = RunRequest(SMALL)
    assert registry.Runs().over_budget([request]) == {}
    monkeypatch.setattr(limits.st, "secrets", Secrets({limits.MAX_SECONDS: 1e-6}))
    assert "0 s are allowed" in registry.Runs().over_budget([request])[request]
    monkeypatch.setattr(limits.st, "secrets", Secrets({limits.MAX_MB: 0.001}))
    assert "0 MB are allowed" in registry.Runs().over_budget([request])[request]
    assert limits.bytes_kept() == 4 * limits.bytes_allowed() == 2 * limits.bytes_together()
    assert limits.table_bytes_kept() == limits.bytes_allowed() // 8
    monkeypatch.setattr(limits.st, "secrets", Secrets({limits.MEMORY_MB: 3}))
    assert limits.bytes_kept() == 3 * 2**20
