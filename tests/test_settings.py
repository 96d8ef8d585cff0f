"""Settings: where they come from, and what is refused at the start because it would break a promise."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from worker.settings import Settings, load


def test_the_defaults_are_those_of_the_handbook() -> None:
    settings = Settings()
    assert settings.vitec_requests_per_second == 10
    assert settings.vitec_in_flight == 5
    assert settings.vitec_timeout == 30
    assert settings.lease_margin == 15
    assert settings.max_failures == 12
    assert settings.turn_alone == 30
    assert settings.turn_shared == 2
    assert (settings.backoff_first, settings.backoff_cap) == (30, 21_600)
    assert settings.database == f"sqlite:///{Path.cwd()}/var/vitec-sync.db"
    assert settings.vitec_base_url is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"lease_margin": 5},
        {"claim_margin": 15},
        {"lease_margin": 0},
        {"vitec_timeout": 0},
        {"vitec_timeout": 601},
        {"vitec_in_flight": 0},
        {"vitec_requests_per_second": -1},
        {"max_failures": 0},
        {"look_up_gap": 0},
        {"look_up_gap": 0.001},
    ],
)
def test_settings_that_would_break_a_promise_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_a_pace_of_nought_means_without_limit() -> None:
    assert Settings(vitec_requests_per_second=0).vitec_requests_per_second == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://connect.example.com",
        "https://user@connect.example.com",
        "https://user:word@connect.example.com",
        "https://connect.example.com/?a=b",
        "https://connect.example.com/#there",
        "ftp://connect.example.com",
        "connect.example.com",
    ],
)
def test_an_address_that_would_leak_or_mislead_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(vitec_base_url=url)


@pytest.mark.parametrize("url", ["https://connect.example.com/", "http://127.0.0.1:8080", "http://localhost:1/x"])
def test_https_and_loopback_are_accepted(url: str) -> None:
    assert Settings(vitec_base_url=url).vitec_base_url == url


@pytest.mark.parametrize("name", ["database_url", "broker_url", "vitec_password", "flower_basic_auth"])
def test_a_secret_from_a_file_is_never_shown(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    addresses = {"broker_url": "redis://:hemligt@127.0.0.1/0", "database_url": "postgresql://a:hemligt@h/d"}
    text = addresses.get(name, "hemligt")
    file.write_text(f"{text}\n", encoding="utf-8")
    monkeypatch.setenv(f"{name.upper()}_FILE", str(file))
    settings = load()
    assert getattr(settings, name).get_secret_value() == text
    assert "hemligt" not in repr(settings)


def test_a_secret_set_outright_goes_before_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file", encoding="utf-8")
    monkeypatch.setenv("VITEC_PASSWORD_FILE", str(file))
    monkeypatch.setenv("VITEC_PASSWORD", "outright")
    password = load().vitec_password
    assert password is not None
    assert password.get_secret_value() == "outright"


def test_settings_come_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VITEC_SYNC_IGNORE_DOTENV", raising=False)
    (tmp_path / ".env").write_text("VITEC_TIMEOUT=7\nMAX_FAILURES=3\n", encoding="utf-8")
    monkeypatch.setenv("MAX_FAILURES", "4")
    assert (load().vitec_timeout, load().max_failures) == (7, 4)
    monkeypatch.setenv("VITEC_SYNC_IGNORE_DOTENV", "1")
    assert load().vitec_timeout == 30


def test_durations_are_plain_numbers_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLANK_AFTER", "86400")
    monkeypatch.setenv("ORDER_TOKEN_EXPIRES", "1.5")
    settings = Settings()
    assert (settings.blank_after, settings.order_token_expires) == (timedelta(days=1), timedelta(seconds=1.5))


def test_an_error_names_the_setting_and_shows_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITEC_BASE_URL", "https://anna:hemligt@connect.example.com")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "vitec_base_url" in str(caught.value)
    assert "hemligt" not in str(caught.value)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().vitec_timeout = 1  # type: ignore[misc]
