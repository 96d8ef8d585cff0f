"""The logins: a default, overridable per customer and per function group, never shown."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import SecretStr

from worker.vitec.toml_table import CredentialsError, Table

__all__ = ["Credentials", "CredentialsError", "Login"]

PLACEHOLDERS = frozenset({
    "admin", "byt-mig", "change-me", "change_me", "changeme", "default", "example", "lösenord", "losenord", "password",
    "secret", "todo", "xxx",
})  # fmt: skip


class Configured(Protocol):
    """What is needed of the settings."""

    @property
    def vitec_username(self) -> str | None: ...
    @property
    def vitec_password(self) -> SecretStr | None: ...
    @property
    def vitec_credentials_file(self) -> Path | None: ...


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password for HTTP Basic. Only the name is ever shown."""

    username: str
    password: str = field(repr=False)
    authorization: str = field(init=False, repr=False)
    """The header's value, ready to be sent."""

    def __post_init__(self) -> None:
        # Vitec does not say which encoding it reads; UTF-8 is what RFC 7617 offers, and for ASCII all are one.
        token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")
        object.__setattr__(self, "authorization", f"Basic {token}")


def checked(username: str, password: str, *, name: str, secret: str) -> Login:
    """The login, or raise CredentialsError; `name` and `secret` say where the two were found."""
    if not username.strip():
        raise CredentialsError(f"{name} is empty: give the partner's user name")
    if ":" in username or not username.isprintable():
        raise CredentialsError(f"{name} holds a colon or a control character, which HTTP Basic does not allow")
    if not password.strip():
        raise CredentialsError(f"{secret} is empty: give the password that Vitec has issued")
    if not password.isprintable():
        raise CredentialsError(f"{secret} holds a control character or a line break")
    if password.strip().casefold() in PLACEHOLDERS:
        raise CredentialsError(f"{secret} is a placeholder: give the password that Vitec has issued")
    return Login(username, password)


@dataclass(frozen=True, slots=True)
class Credentials:
    """All logins. The most particular one counts: customer and group, then customer, then group, then the default."""

    default: Login | None = None
    by_group: Mapping[str, Login] = field(default_factory=dict)
    by_customer: Mapping[str, Login] = field(default_factory=dict)
    by_both: Mapping[tuple[str, str], Login] = field(default_factory=dict)

    def for_(self, customer_id: str, function_group: str) -> Login:
        """The login for that customer's calls of that group; raise CredentialsError if there is none at all."""
        login = (
            self.by_both.get((customer_id, function_group))
            or self.by_customer.get(customer_id)
            or self.by_group.get(function_group)
            or self.default
        )
        if login is None:
            raise CredentialsError(f"there is no login for customer {customer_id} and function group {function_group}")
        return login

    @classmethod
    def load(cls, settings: Configured, environment: Mapping[str, str] = os.environ) -> Self:
        """From VITEC_USERNAME and VITEC_PASSWORD, and the file named by VITEC_CREDENTIALS_FILE, if any.

        Raise CredentialsError for what is missing or wrong: its text names file and key, never a secret.
        """
        default = _from_settings(settings)
        path = settings.vitec_credentials_file
        if path is None:
            if default is None:
                raise CredentialsError(
                    "no login for Vitec: set VITEC_USERNAME and VITEC_PASSWORD (or VITEC_PASSWORD_FILE),"
                    " or name a file with logins in VITEC_CREDENTIALS_FILE"
                )
            return cls(default)
        return cls._from_table(Table.read(path), default, environment)

    @classmethod
    def _from_table(cls, table: Table, default: Login | None, environment: Mapping[str, str]) -> Self:
        table.only("default", "groups", "customers")
        if (given := table.table("default")) is not None:
            if default is not None:
                raise CredentialsError(f"{given.place}: VITEC_USERNAME and VITEC_PASSWORD are set as well: give one")
            given.only(*_LOGIN_KEYS)
            default = _login(given, None, environment)
        above = default.username if default else None
        groups = {}
        for group, entry in table.tables("groups"):
            entry.only(*_LOGIN_KEYS)
            groups[group] = _login(entry, above, environment)
        customers, both = {}, {}
        for customer, entry in table.tables("customers"):
            entry.only(*_LOGIN_KEYS, "groups")
            if entry.has_any(*_LOGIN_KEYS):
                customers[customer] = _login(entry, above, environment)
            own = customers[customer].username if customer in customers else above
            for group, inner in entry.tables("groups"):
                inner.only(*_LOGIN_KEYS)
                both[customer, group] = _login(inner, own, environment)
        found: dict[str, Any] = {"default": default, "by_group": groups, "by_customer": customers, "by_both": both}
        if not any(found.values()):
            raise CredentialsError(f"{table.place} holds no login, and VITEC_USERNAME is not set")
        return cls(**found)


_LOGIN_KEYS = ("username", "password", "password_env", "password_file")


def _from_settings(settings: Configured) -> Login | None:
    username, password = settings.vitec_username, settings.vitec_password
    if username is None and password is None:
        return None
    if username is None:
        raise CredentialsError("VITEC_PASSWORD is set, but VITEC_USERNAME is not")
    if password is None:
        raise CredentialsError("VITEC_USERNAME is set, but VITEC_PASSWORD (or VITEC_PASSWORD_FILE) is not")
    return checked(username, password.get_secret_value(), name="VITEC_USERNAME", secret="VITEC_PASSWORD")  # noqa: S106 (the setting's name)


def _login(entry: Table, username: str | None, environment: Mapping[str, str]) -> Login:
    """The login of one table; without a user name of its own it has that of the table above."""
    username = entry.text("username") or username
    if username is None:
        raise CredentialsError(f"{entry.place} lacks `username`, and there is no default one")
    password, secret = entry.secret("password", environment)
    return checked(username, password, name=f"{entry.place}, `username`", secret=secret)
