"""Logins are found by customer and function group, and a wrong file is said by place, never by content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from worker.vitec.credentials import Credentials, CredentialsError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Configured:
    """As much of the settings as logins need."""

    vitec_username: str | None = None
    vitec_password: SecretStr | None = None
    vitec_credentials_file: Path | None = None


DEFAULT: dict[str, Any] = {"vitec_username": "partner", "vitec_password": SecretStr("usual-pw")}


def load(tmp_path: Path, text: str | None = None, **settings: Any) -> Credentials:
    path = None
    if text is not None:
        path = tmp_path / "logins.toml"
        path.write_text(text, encoding="utf-8")
    given = Configured(vitec_credentials_file=path, **settings)
    return Credentials.load(given, {"THEIR_PASSWORD": "from-variable"})


def found(credentials: Credentials, customer: str, group: str) -> tuple[str, str]:
    login = credentials.login_for(customer, group)
    return login.username, login.password


def test_without_a_file_there_is_one_login_for_all(tmp_path: Path) -> None:
    credentials = load(tmp_path, **DEFAULT)
    assert found(credentials, "M1", "CRM-Contact") == ("partner", "usual-pw")
    assert credentials.login_for("M1", "x").authorization == "Basic cGFydG5lcjp1c3VhbC1wdw=="


FILE = """
[groups."CRM-Contact"]
password = "group-pw"

[customers.M1]
username = "other"
password_env = "THEIR_PASSWORD"

[customers.M1.groups.Viewing]
password_file = "viewing.txt"

[customers.M2.groups."CRM-Contact"]
password = "m2-contact-pw"
"""


def test_the_most_particular_login_counts(tmp_path: Path) -> None:
    (tmp_path / "viewing.txt").write_text("from-file\n")
    credentials = load(tmp_path, FILE, **DEFAULT)
    assert found(credentials, "M1", "Viewing") == ("other", "from-file")
    assert found(credentials, "M1", "CRM-Contact") == ("other", "from-variable")
    assert found(credentials, "M2", "CRM-Contact") == ("partner", "m2-contact-pw")
    assert found(credentials, "M2", "Viewing") == ("partner", "usual-pw")
    assert found(credentials, "M3", "CRM-Contact") == ("partner", "group-pw")


def test_the_file_may_hold_the_default_too(tmp_path: Path) -> None:
    credentials = load(tmp_path, '[default]\nusername = "partner"\npassword = "file-pw"\n')
    assert found(credentials, "M1", "x") == ("partner", "file-pw")


def test_without_a_default_others_have_no_login(tmp_path: Path) -> None:
    credentials = load(tmp_path, '[customers.M1]\nusername = "a"\npassword = "own-pw"\n')
    with pytest.raises(CredentialsError, match="no login for customer M2 and function group Viewing"):
        credentials.login_for("M2", "Viewing")


def test_a_non_ascii_password_is_sent_as_utf_8(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"vitec_username": "partner", "vitec_password": SecretStr("räksmörgås")}
    assert load(tmp_path, **settings).login_for("M1", "x").authorization == "Basic cGFydG5lcjpyw6Rrc23DtnJnw6Vz"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "set VITEC_USERNAME and VITEC_PASSWORD"),
        ({"vitec_username": "a"}, "VITEC_PASSWORD .* is not"),
        ({"vitec_password": SecretStr("p-w")}, "VITEC_USERNAME is not"),
        ({"vitec_username": "", "vitec_password": SecretStr("p-w")}, "VITEC_USERNAME is empty"),
        ({"vitec_username": "a", "vitec_password": SecretStr(" ")}, "VITEC_PASSWORD is empty"),
        ({"vitec_username": "a:b", "vitec_password": SecretStr("p-w")}, "VITEC_USERNAME holds a colon"),
        ({"vitec_username": "a\nb", "vitec_password": SecretStr("p-w")}, "control character"),
        ({"vitec_username": "a", "vitec_password": SecretStr("p\r\nX: y")}, "VITEC_PASSWORD holds a control"),
        ({"vitec_username": "a", "vitec_password": SecretStr("ChangeMe")}, "VITEC_PASSWORD is a placeholder"),
        ({"vitec_username": "a", "vitec_password": SecretStr("password")}, "VITEC_PASSWORD is a placeholder"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(CredentialsError, match=message) as caught:
        load(tmp_path, **settings)
    assert "p-w" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "logins.toml holds no login"),
        ("[customers.M1\npassword = 'canary'", r"not valid TOML \(at line"),
        ("password = 'canary'", "`password` is not known here"),
        ("customers = 'canary'", "`customers` must be a table"),
        ("[customers]\nM1 = 'canary'", r"\[customers\]: `M1` must be a table"),
        ("[customers.M1]\nusername = 'a'\npasword = 'canary'", r"\[customers.M1\]: `pasword` is not known"),
        ("[customers.M1]\nusername = 'a'", "give one of `password`, `password_env` and `password_file`"),
        ("[customers.M1]\nusername='a'\npassword='canary'\npassword_env='CANARY'", "give one of"),
        ("[customers.M1]\nusername = 7\npassword = 'canary'", r"\[customers.M1\]: `username` must be text"),
        ("[customers.M1]\nusername = 'a'\npassword = 7", "`password` must be text"),
        ("[customers.M1.groups.Viewing]\npassword = 7", r"\[customers.M1.groups.Viewing\]: `password` must be text"),
        ("[customers.M1]\npassword = 'canary'", r"\[customers.M1\] lacks `username`"),
        ("[customers.M1]\nusername = 'a'\npassword = ''", r"\[customers.M1\], `password` is empty"),
        ("[customers.M1]\nusername = 'a'\npassword = 'secret'", "is a placeholder"),
        ("[customers.M1]\nusername = 'a'\npassword_env = 'NOT_SET'", "the variable NOT_SET is empty"),
        ("[customers.M1]\nusername = 'a'\npassword_file = 'none.txt'", r"none.txt cannot be read"),
        ("[groups.Viewing]\nusername = 'a'\npassword = \"x\\ny\"", r"\[groups.Viewing\], `password` holds a control"),
    ],
)
def test_a_wrong_file_is_refused_by_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CredentialsError, match=message) as caught:
        load(tmp_path, text)
    assert "logins.toml" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_two_defaults_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="give one"):
        load(tmp_path, '[default]\nusername = "b"\npassword = "file-pw"\n', **DEFAULT)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "logins.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CredentialsError, match=r"logins\.toml"):
        Credentials.load(Configured(vitec_credentials_file=path), {})
