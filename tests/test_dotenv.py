"""Settings are read where a person has written them, and a slip is told in one line with its place and remedy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from worker import bootstrap, settings
from worker.dotenv import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder, with no setting in the environment."""
    for name in [name for name in os.environ if name.startswith("VITEC_") or name in {"DATABASE_URL", "STATE_DIR"}]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    bootstrap.settings.cache_clear()
    yield tmp_path
    bootstrap.settings.cache_clear()


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / ".env"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    file.chmod(0o600)
    return file


def refusal() -> str:
    """Give the one line with which every process refuses these settings."""
    with pytest.raises(SettingsError) as caught:
        bootstrap.settings()
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("place", ["absolute", "relative"])
def test_a_secrets_file_is_named_in_dotenv(folder: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    secret = folder / "password"
    secret.write_text("hemligt\n", encoding="utf-8")
    file = write(folder, f"VITEC_PASSWORD_FILE={secret if place == 'absolute' else 'password'}\n")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    monkeypatch.setenv("VITEC_SYNC_ENV_FILE", str(file))
    password = settings.load().vitec_password
    assert password is not None
    assert password.get_secret_value() == "hemligt"


def test_the_environment_goes_before_dotenv(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "password").write_text("from a file", encoding="utf-8")
    write(folder, "VITEC_PASSWORD=from dotenv\n")
    monkeypatch.setenv("VITEC_PASSWORD_FILE", "password")
    password = settings.load().vitec_password
    assert password is not None
    assert password.get_secret_value() == "from a file"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("VITEC_INFLIGHT", "did you mean VITEC_IN_FLIGHT?"),
        ("VITEC_PASSWORT_FILE", "did you mean VITEC_PASSWORD_FILE?"),
        ("LOOKUP_QUIET", "did you mean LOOK_UP_QUIET?"),
        ("VITEC_USERNAME_FILE", "only a secret"),
        ("VITEC_SOMETHING_ELSE", "leave it out"),
    ],
)
def test_a_name_that_is_no_setting_is_told(folder: Path, name: str, hint: str) -> None:
    file = write(folder, f"{name}=1\n")
    assert refusal().startswith(f"{file}: {name} is no setting; ")
    assert hint in refusal()


def test_a_slip_in_the_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITEC_INFLIGHT", "9")
    assert "VITEC_IN_FLIGHT" in refusal()


def test_variables_that_the_logins_name_are_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITEC_PASSWORD_M1", "hemligt")
    assert "VITEC_PASSWORD_M1 is no setting" in refusal()
    (folder / "logins.toml").write_text('[customers.M1]\npassword_env = "VITEC_PASSWORD_M1"\n', encoding="utf-8")
    write(folder, "VITEC_CREDENTIALS_FILE=logins.toml\n")
    assert bootstrap.settings().vitec_credentials_file == folder / "logins.toml"


def test_names_of_other_programs_do_no_harm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "POSTGRES_PASSWORD=x\nCOMPOSE_PROJECT_NAME=y\n")
    monkeypatch.setenv("VITEC_API_ENDPOINT_OF_ANOTHER", "x")
    assert settings.load().vitec_in_flight == 5


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("VITEC_USERNAME=Åsa\n".encode("utf-16"), "save it as UTF-8"),
        ("X=1\nVITEC_USERNAME=Åsa\n".encode("cp1252"), "line 2: this is not UTF-8"),
        (b"VITEC_TIMEOUT\n", "line 1: this is no NAME=value"),
        (b"ON_DOUBT=hold\n", "ON_DOUBT: this is not JSON"),
        (b"RESEND_IN_DOUBT_MAY_DOUBLE=notification\n", "RESEND_IN_DOUBT_MAY_DOUBLE: this is not JSON"),
        (b"SENDING_HOURS=8-20\n", "SENDING_HOURS: this is not JSON"),
        (b"BROKER_URL=127.0.0.1:6379\n", "BROKER_URL: it must begin with redis://"),
        (b"BROKER_URL=http://127.0.0.1:6379\n", "BROKER_URL: it must begin with redis://"),
        (b"BROKER_URL=redis://127.0.0.1:port/0\n", "BROKER_URL: this is no address"),
        (b"VITEC_BASE_URL=https:connect.example\n", "VITEC_BASE_URL: it must have a host"),
        (b"VITEC_BASE_URL=https//connect.example\n", "VITEC_BASE_URL: it must be https://"),
        (b"VITEC_BASE_URL=https://a.example:99999\n", "VITEC_BASE_URL: this is no address"),
        (b"DATABASE_URL=postgresql://a:hemligt@host:port/db\n", "DATABASE_URL: this is not the address"),
        (b"DATABASE_URL=postgres://a:hemligt@host/db\n", "DATABASE_URL: it must be a PostgreSQL or SQLite"),
        (b"DATABASE_URL=sqlite://\n", "DATABASE_URL: it must name a file"),
        (b"VITEC_TIMEOUT=inf\n", "VITEC_TIMEOUT: "),
        (b"VITEC_TIMEOUT=10,5\n", "VITEC_TIMEOUT: "),
        (b"BLANK_AFTER=-5\n", "BLANK_AFTER: "),
        (b"BLANK_AFTER=15m\n", "BLANK_AFTER: give a number of seconds"),
        (b"VITEC_CA_BUNDLE=nowhere.pem\n", "nowhere.pem cannot be read (No such file or directory)"),
        (b"VITEC_CA_BUNDLE=.env\n", "holds no certificates"),
        (b"VITEC_CA_BUNDLE=.\n", "VITEC_CA_BUNDLE: "),
        (b"VITEC_PASSWORD_FILE=nowhere\n", "nowhere cannot be read"),
        (b"VITEC_PASSWORD_FILE=.\n", "cannot be read (Is a directory)"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_remedy(folder: Path, content: bytes, why: str) -> None:
    write(folder, content)
    assert why in refusal()


def test_an_empty_secrets_file_is_told(folder: Path) -> None:
    (folder / "password").touch()
    write(folder, "VITEC_PASSWORD_FILE=password\n")
    assert f"{folder / 'password'} is empty" in refusal()


def test_empty_values_bom_and_windows_lines_are_read(folder: Path) -> None:
    write(folder, b"\xef\xbb\xbfVITEC_TIMEOUT=7\r\nMAX_FAILURES=\r\nexport BREAKER_FAILURES='3' # few\r\n")
    loaded = settings.load()
    assert loaded.vitec_timeout == 7
    assert loaded.max_failures == 12
    assert loaded.breaker_failures == 3


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_dotenv_that_others_may_write_is_refused(folder: Path, mode: int) -> None:
    file = write(folder, "VITEC_TIMEOUT=7\n")
    file.chmod(mode)
    assert f"{file} can be written by others" in refusal()


def test_a_dotenv_in_everybodys_folder_is_refused(folder: Path) -> None:
    write(folder, "DATABASE_URL=sqlite:////elsewhere.db\n")
    folder.chmod(0o777)
    assert "anyone can replace it" in refusal()


def test_the_origin_of_settings_is_told_absolutely(folder: Path) -> None:
    assert settings.load().origin == (
        f"SQLite at {folder}/var/vitec-sync.db, since no DATABASE_URL is set; no .env found in {folder}"
    )
    file = write(folder, "DATABASE_URL=sqlite:///office.db\n")
    assert settings.load().origin == f"SQLite at {folder}/office.db; settings from {file}"


def test_a_password_among_parameters_is_masked() -> None:
    shown = settings.name_database("postgresql://anna@db/office?password=hemligt&sslmode=require")
    assert shown == "postgresql://anna@db/office"
    assert "hemligt" not in settings.name_database("postgresql://anna:hemligt@db/office")
