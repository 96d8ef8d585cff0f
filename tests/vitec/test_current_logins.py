"""Logins are read anew when their files have changed, and what is broken changes nothing."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from worker.settings import Settings
from worker.vitec.credentials import Credentials
from worker.vitec.current_logins import CurrentLogins

OLD, NEW = "3-grey-herons", "4-grey-herons"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a password, named by a file with logins beside it."""
    password = tmp_path / "password"
    password.write_text(OLD)
    (tmp_path / "logins.toml").write_text('[default]\nusername = "partner"\npassword_file = "password"\n')
    return password


def read(file: Path) -> CurrentLogins:
    """Read the logins of that password's folder."""
    settings = Settings(vitec_credentials_file=file.parent / "logins.toml")
    return CurrentLogins(lambda: Credentials.load(settings, {}))


def password_of(logins: CurrentLogins) -> str:
    """The password with which a request would be sent now."""
    return logins.login_for("M1", "viewing").password


def test_a_changed_password_file_is_read_at_the_next_turn(file: Path) -> None:
    logins = read(file)
    file.write_text(NEW)
    assert password_of(logins) == OLD
    assert logins.name_login("M1", "viewing") == "default"
    assert password_of(logins) == NEW


def test_after_a_refusal_the_next_request_has_the_new_one(file: Path) -> None:
    logins, before = read(file), file.stat()
    file.write_text(NEW)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    logins.note_refusal()
    assert password_of(logins) == NEW


@pytest.mark.parametrize("content", ["", "changeme", "\x00"])
def test_a_broken_file_changes_nothing_and_is_told_once(file: Path, content: str) -> None:
    logins = read(file)
    file.write_text(content)
    with capture_logs() as entries:
        logins.refresh(), logins.refresh(), logins.refresh()
    assert password_of(logins) == OLD
    assert [entry["log_level"] for entry in entries] == ["warning"]
    assert "herons" not in str(entries)
    file.write_text(NEW)
    logins.refresh()
    assert password_of(logins) == NEW


def test_a_file_that_is_gone_changes_nothing(file: Path) -> None:
    logins = read(file)
    file.unlink()
    logins.refresh()
    assert password_of(logins) == OLD


def test_changed_logins_are_found_by_their_names(file: Path) -> None:
    logins = read(file)
    before = logins.credentials
    assert logins.refresh().find_changed(before) == set()
    file.write_text(NEW)
    assert logins.refresh().find_changed(before) == {"default"}
