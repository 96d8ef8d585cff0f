"""The logins: a default, overridable per customer and per function group, never shown."""

import base64
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, model_validator

PLACEHOLDERS = frozenset({
    "admin", "byt-mig", "change-me", "change_me", "changeme", "default", "example", "lösenord", "losenord", "password",
    "secret", "todo", "xxx",
})  # fmt: skip


class CredentialsError(Exception):
    """A login is missing or cannot be. The text names the place and the remedy, never the secret."""


class CredentialSettings(Protocol):
    """The part of the settings that says where the logins are."""

    @property
    def vitec_username(self) -> str | None: ...
    @property
    def vitec_password(self) -> SecretStr | None: ...
    @property
    def vitec_credentials_file(self) -> Path | None: ...


class _Table(BaseModel):
    """A table of the file with logins. A misspelt key is refused: it would silently be left out."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, table: Any) -> Any:
        for key in table if isinstance(table, dict) else ():
            if key not in cls.model_fields:
                raise ValueError(f"`{key}` is not known here; known are {', '.join(cls.model_fields)}")
        return table


class _LoginTable(_Table):
    """A login: a user name, if it differs from that of the table above, and a password, given in one of three ways."""

    username: str | None = None
    password: SecretStr | None = None
    password_env: str | None = None
    """The name of an environment variable."""
    password_file: str | None = None
    """The name of a file, seen from the file that names it."""


class _CustomerTable(_LoginTable):
    """A customer's login, the customer's logins for single function groups, or both."""

    groups: dict[str, _LoginTable] = {}


class _File(_Table):
    default: _LoginTable | None = None
    groups: dict[str, _LoginTable] = {}
    customers: dict[str, _CustomerTable] = {}


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password for HTTP Basic. Only the user name, and what the login is called here, is ever shown."""

    username: str
    password: str = field(repr=False)
    name: str = "default"
    """By its place in the credentials: `default`, `groups.viewing`, `customers.M30001`. No secret."""
    authorization: str = field(init=False, repr=False)
    """The header's value, ready to be sent."""

    def __post_init__(self) -> None:
        # Vitec does not say which encoding it reads; UTF-8 is what RFC 7617 offers, and for ASCII all are one.
        token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")
        object.__setattr__(self, "authorization", f"Basic {token}")


def check_login(username: str, password: str, *, name: str, secret: str) -> Login:
    """Give the login, or raise CredentialsError; `name` and `secret` say where the two stand."""
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
    files: tuple[Path, ...] = field(default=(), compare=False)
    """All files that the logins come from, also those that are not there yet."""

    def login_for(self, customer_id: str, function_group: str) -> Login:
        """Give the login for that customer's calls of that group; raise CredentialsError if there is none at all."""
        login = (
            self.by_both.get((customer_id, function_group))
            or self.by_customer.get(customer_id)
            or self.by_group.get(function_group)
            or self.default
        )
        if login is None:
            raise CredentialsError(f"there is no login for customer {customer_id} and function group {function_group}")
        return login

    def name_login(self, customer_id: str, function_group: str) -> str | None:
        """Name the login for that customer's calls of that group; None: there is none."""
        try:
            return self.login_for(customer_id, function_group).name
        except CredentialsError:
            return None

    def find_changed(self, before: "Credentials") -> set[str]:
        """Find the names of the logins that were there before, and are another user name or password now."""
        old = before.by_name()
        return {login.name for login in self.by_name().values() if login.name in old and old[login.name] != login}

    def by_name(self) -> dict[str, Login]:
        """Give all logins by their names."""
        logins = [*self.by_group.values(), *self.by_customer.values(), *self.by_both.values()]
        return {login.name: login for login in (*logins, *([self.default] if self.default else []))}

    def note_refusal(self) -> None:
        """Do nothing: these do not change."""

    @classmethod
    def load(
        cls,
        settings: CredentialSettings,
        environment: Mapping[str, str] = os.environ,
        files: tuple[Path, ...] = (),
    ) -> Self:
        """Read VITEC_USERNAME and VITEC_PASSWORD, and the file named by VITEC_CREDENTIALS_FILE, if any.

        `files`: those from which the settings come. Raise CredentialsError for what is missing or wrong: its text names
        file and key, never a secret.
        """
        default = _login_from_settings(settings)
        path = settings.vitec_credentials_file
        if path is not None:
            return cls._from_file(path, default, environment, files)
        if default is None:
            raise CredentialsError(
                "no login for Vitec: set VITEC_USERNAME and VITEC_PASSWORD (or VITEC_PASSWORD_FILE),"
                " or name a file with logins in VITEC_CREDENTIALS_FILE"
            )
        return cls(default, files=files)

    @classmethod
    def _from_file(
        cls, path: Path, default: Login | None, environment: Mapping[str, str], files: tuple[Path, ...]
    ) -> Self:
        file, login = _read_file(path), partial(_read_login, path, environment)
        if file.default is not None:
            if default is not None:
                raise CredentialsError(f"{path} [default]: VITEC_USERNAME and VITEC_PASSWORD are set as well: give one")
            default = login(file.default, None, "default")
        username = default.username if default else None
        by_group = {group: login(table, username, "groups", group) for group, table in file.groups.items()}
        by_customer, by_both = {}, {}
        for customer, table in file.customers.items():
            own_username = username
            if table.model_fields_set - {"groups"}:
                by_customer[customer] = login(table, username, "customers", customer)
                own_username = by_customer[customer].username
            for group, inner in table.groups.items():
                by_both[customer, group] = login(inner, own_username, "customers", customer, "groups", group)
        if not (default or by_group or by_customer or by_both):
            raise CredentialsError(f"{path} holds no login, and VITEC_USERNAME is not set")
        return cls(default, by_group, by_customer, by_both, (*files, path, *_password_files(path, file)))


def _password_files(path: Path, file: _File) -> list[Path]:
    tables: list[_LoginTable] = [*file.groups.values(), *file.customers.values()]
    tables += [table for customer in file.customers.values() for table in customer.groups.values()]
    tables += [file.default] if file.default else []
    return [path.parent / Path(table.password_file).expanduser() for table in tables if table.password_file]


def _login_from_settings(settings: CredentialSettings) -> Login | None:
    username, password = settings.vitec_username, settings.vitec_password
    if username is None and password is None:
        return None
    if username is None:
        raise CredentialsError("VITEC_PASSWORD is set, but VITEC_USERNAME is not")
    if password is None:
        raise CredentialsError("VITEC_USERNAME is set, but VITEC_PASSWORD (or VITEC_PASSWORD_FILE) is not")
    return check_login(username, password.get_secret_value(), name="VITEC_USERNAME", secret="VITEC_PASSWORD")  # noqa: S106 (the setting's name)


def _read_file(path: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read ({error.strerror}); see VITEC_CREDENTIALS_FILE") from None
    except UnicodeDecodeError:
        raise CredentialsError(f"{path} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        # The parser's text ends with where it is; the text before that may quote the file.
        where = str(error).rpartition("(at ")[2].rstrip(")") or "an unknown place"
        raise CredentialsError(f"{path} is not valid TOML (at {where})") from None
    except ValidationError as error:
        raise CredentialsError(_describe_fault(path, error)) from None


def _describe_fault(path: Path, error: ValidationError) -> str:
    """Say the first fault by file, table and key, as a person would look for it."""
    fault = error.errors(include_url=False, include_input=False)[0]
    *heading, key = fault["loc"] or ("",)
    match fault["type"]:
        case "value_error":
            return f"{_describe_place(path, *fault['loc'])}: {fault['ctx']['error']}"
        case "string_type":
            return f"{_describe_place(path, *heading)}: `{key}` must be text in quotation marks"
        case _:
            return f"{_describe_place(path, *heading)}: `{key}` must be a table"


def _describe_place(path: Path, *heading: str | int) -> str:
    return f"{path} [{'.'.join(map(str, heading))}]" if heading else str(path)


def _read_login(
    path: Path, environment: Mapping[str, str], table: _LoginTable, username: str | None, *heading: str
) -> Login:
    """Give the login of one table; without a user name of its own it has that of the table above."""
    place = _describe_place(path, *heading)
    username = table.username or username
    if username is None:
        raise CredentialsError(f"{place} lacks `username`, and there is no default one")
    if len(table.model_fields_set & {"password", "password_env", "password_file"}) != 1:
        raise CredentialsError(f"{place}: give one of `password`, `password_env` and `password_file`")
    if table.password is not None:
        password, secret = table.password.get_secret_value(), f"{place}, `password`"
    elif table.password_env is not None:
        password = environment.get(table.password_env, "")
        secret = f"{place}, `password_env`: the variable {table.password_env}"
    else:
        file = path.parent / Path(table.password_file or "").expanduser()
        secret = f"{place}, `password_file`: {file}"
        try:
            password = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialsError(f"{secret} cannot be read ({type(error).__name__})") from None
    login = check_login(username, password, name=f"{place}, `username`", secret=secret)
    return replace(login, name=".".join(heading))
