"""The settings, from the environment or `.env`; a secret also from a file named by `…_FILE`."""

import json
import ssl
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from worker.address import check_address
from worker.codes.language import Language, read_language
from worker.dotenv import Sources, read_secret, read_sources
from worker.kinds import KIND_BY_NAME
from worker.outbox.database.sending_hours import SendingHours

LEASE_MARGIN = 15.0
"""Seconds by which a lease outlasts a request's deadline, so that its answer can still be settled."""

CLAIM_MARGIN = 5.0
"""Seconds by which the lease must outlast the deadline of a request that is claimed now."""


def _parse_seconds(value: Any) -> Any:
    """Accept plain numbers of seconds wherever a duration is asked."""
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return float(value)
    if isinstance(value, str) and not value.upper().startswith("P"):
        raise ValueError("give a number of seconds, such as 3600")
    return value


def _parse_json(value: Any) -> Any:
    """Accept the text of JSON wherever a list or a table is asked."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("this is not JSON; .env.example shows how it is written") from None


def _make_absolute(path: Path) -> Path:
    return path.expanduser().absolute()


Seconds = Annotated[timedelta, BeforeValidator(_parse_seconds), Field(ge=timedelta(0))]
Json = BeforeValidator(_parse_json)
AbsolutePath = Annotated[Path, AfterValidator(_make_absolute)]

_SECRETS = ("DATABASE_URL", "BROKER_URL", "VITEC_PASSWORD", "FLOWER_BASIC_AUTH")

_PATHS = ("STATE_DIR", "VITEC_CREDENTIALS_FILE", "VITEC_CA_BUNDLE", "FEEDS_FILE", "FEED_DIR", "RESULTS_DIR")

_BROKERS = ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps", "pyamqp")


class Settings(BaseSettings):
    """The settings of an office. Durations are seconds."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, hide_input_in_errors=True, allow_inf_nan=False, env_ignore_empty=True
    )

    state_dir: AbsolutePath = Field(Path("var"), validate_default=True)
    database_url: SecretStr | None = None
    broker_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")

    vitec_base_url: str | None = None
    vitec_username: str | None = None
    vitec_password: SecretStr | None = None
    vitec_credentials_file: AbsolutePath | None = None
    vitec_ca_bundle: AbsolutePath | None = None
    vitec_requests_per_second: float = Field(10.0, ge=0)
    """For the whole environment, all workers together; 0: unlimited."""
    vitec_in_flight: int = Field(5, ge=1, le=1000)
    """For the whole environment, all workers together."""
    vitec_timeout: float = Field(30.0, gt=0, le=600)
    """The whole request, from name look-up to the last byte of the answer."""

    vitec_throttled_is_certain: bool = True
    """Whether 429, and 503 with Retry-After, prove that Vitec did not act; if not, they are doubt."""

    max_failures: int = Field(12, ge=1)
    backoff_first: float = Field(30.0, gt=0)
    backoff_cap: float = Field(6 * 3600.0, gt=0)
    breaker_failures: int = Field(5, ge=1)
    hold_unavailable: float = Field(120.0, gt=0)
    hold_unavailable_cap: float = Field(1800.0, gt=0)
    hold_barred: float = Field(3600.0, gt=0)
    hold_barred_cap: float = Field(86400.0, gt=0)
    hold_throttled: float = Field(60.0, gt=0)
    hold_throttled_cap: float = Field(3600.0, gt=0)
    look_up_quiet: float = Field(900.0, ge=0)
    look_up_gap: float = Field(300.0, ge=0.5)
    """How late Vitec may act, and how long until look-ups show it, must together be no more than quiet time and gap.

    A permission to send again lasts a gap, so that next to nothing would be to ask without end, and never to send.
    """
    look_up_skew: float = Field(5.0, ge=0)
    look_up_tries: int = Field(12, ge=2)
    """After so many look-ups in all a doubt is a person's."""
    look_up_unclear: int = Field(3, ge=1)
    """After so many, if Vitec's answer proves nothing."""
    on_doubt: Annotated[dict[str, Literal["hold", "look_up"]], NoDecode, Json] = Field(default_factory=dict)
    """By kind, as JSON: {"comeback": "hold"} leaves comebacks in doubt to a person at once."""
    resend_in_doubt_may_double: Annotated[tuple[str, ...], NoDecode, Json] = ()
    """Kinds that are sent again in doubt, unless accepted, as JSON: ["notification"]. Vitec may then act twice."""
    turn_alone: float = Field(30.0, gt=0)
    turn_shared: float = Field(2.0, gt=0)
    dispatch_every: float = Field(5.0, gt=0)
    housekeeping_every: float = Field(15.0, gt=0)
    lease_margin: float = Field(LEASE_MARGIN, gt=0)
    claim_margin: float = Field(CLAIM_MARGIN, gt=0)
    order_token_expires: Seconds = timedelta(hours=1)
    notification_expires: Seconds = timedelta(hours=24)
    expire_at_own_date: bool = True
    """Whether an appointment that has begun, and a comeback that is past, is not sent any more; a row may say otherwise."""
    sending_hours: Annotated[dict[str, str], NoDecode, Json] = Field(default_factory=dict)
    """By kind, as JSON, in Stockholm time: {"notification": "08:00-20:00"}. A kind not named is sent at any time."""
    parent_missing_after: Seconds = timedelta(days=1)
    """From when the CRM is told that a row waits for one that is not there; 0: never."""
    blank_after: Seconds = timedelta(days=90)

    language: Annotated[Language, BeforeValidator(read_language)] = Language.ENGLISH
    feeds_file: AbsolutePath | None = None
    feed_dir: AbsolutePath | None = None
    results_dir: AbsolutePath | None = None
    flower_basic_auth: SecretStr | None = None
    flower_unprotected: bool = False
    """Flower without a login, only ever on loopback."""

    _sources: Sources = PrivateAttr(default_factory=Sources)

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        try:
            url = make_url(value.get_secret_value())
        except (ArgumentError, ValueError):
            raise ValueError("this is not the address of a database (in a password, write @ as %40)") from None
        if url.get_backend_name() not in {"postgresql", "sqlite"}:
            raise ValueError("it must be a PostgreSQL or SQLite address: postgresql:// or sqlite:///")
        if url.get_backend_name() == "sqlite" and not url.database:
            raise ValueError("it must name a file: sqlite:///PATH")
        return value

    @field_validator("broker_url")
    @classmethod
    def _check_broker(cls, value: SecretStr) -> SecretStr:
        for address in value.get_secret_value().split(";"):
            try:
                url = urlsplit(address)
                _ = url.port
            except ValueError:
                raise ValueError("this is no address: the port is none, or a bracket is missing") from None
            if url.scheme.lower() not in _BROKERS or "://" not in address:
                raise ValueError("it must begin with redis:// or rediss://, such as redis://127.0.0.1:6379/0")
        return value

    @field_validator("vitec_base_url")
    @classmethod
    def _check_address(cls, value: str | None) -> str | None:
        return value and check_address(value)

    @field_validator("vitec_ca_bundle")
    @classmethod
    def _check_bundle(cls, path: Path | None) -> Path | None:
        if path is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cafile=path)
        except ssl.SSLError:
            raise ValueError(f"{path} holds no certificates (PEM)") from None
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror})") from None
        if not context.cert_store_stats()["x509_ca"]:
            raise ValueError(f"{path} holds no certificate of an authority")
        return path

    @model_validator(mode="after")
    def _check_promises(self) -> Self:
        if self.claim_margin >= self.lease_margin:
            raise ValueError("CLAIM_MARGIN must be less than LEASE_MARGIN: a fresh lease could not be claimed under")
        return self

    @model_validator(mode="after")
    def _check_kinds(self) -> Self:
        SendingHours.of(self.sending_hours)
        for setting, kinds in (
            ("SENDING_HOURS", self.sending_hours),
            ("ON_DOUBT", self.on_doubt),
            ("RESEND_IN_DOUBT_MAY_DOUBLE", self.resend_in_doubt_may_double),
        ):
            if any(kind not in KIND_BY_NAME for kind in kinds):
                raise ValueError(f"{setting} names a kind that there is not; there are {', '.join(KIND_BY_NAME)}")
        looked_up = [kind for kind, on_doubt in self.on_doubt.items() if on_doubt == "look_up"]
        without_read_back = [kind for kind in looked_up if KIND_BY_NAME[kind].read_back is None]
        if without_read_back:
            raise ValueError(f"ON_DOUBT: Vitec cannot be asked about {', '.join(without_read_back)}")
        return self

    @classmethod
    def of(cls, values: dict[str, Any], sources: Sources) -> Self:
        """Make settings of texts that were read from these places."""
        settings = cls(**values)
        settings._sources = sources
        return settings

    @cached_property
    def database(self) -> str:
        """The database's URL; an SQLite file in the state folder if none is given. A file's path is absolute."""
        if self.database_url is None:
            return f"sqlite:///{self.state_dir / 'vitec-sync.db'}"
        given = self.database_url.get_secret_value()
        url = make_url(given)
        if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":", "file:")):
            return given
        folder = self._sources.folders.get("DATABASE_URL", Path())
        return url.set(database=str(_make_absolute(folder / url.database))).render_as_string(hide_password=False)

    @property
    def login_files(self) -> tuple[Path, ...]:
        """The files from which a login may have come: `.env`, and the one of VITEC_PASSWORD_FILE."""
        named = self._sources.values.get("VITEC_PASSWORD_FILE")
        secret = self._sources.resolve("VITEC_PASSWORD_FILE", named) if named else None
        return tuple(file for file in (self._sources.file, secret) if file)

    @property
    def feeds_path(self) -> Path | None:
        """The file that names the feeds: the one that FEEDS_FILE names, or `feeds.toml` beside `.env`; None: neither."""
        folder = self._sources.file.parent if self._sources.file else self._sources.looked_in
        path = folder / "feeds.toml" if folder else None
        return self.feeds_file or (path if path and path.exists() else None)

    def variable(self, name: str) -> str | None:
        """Give a variable of the environment or of `.env` that is no setting, such as a secret of a feed."""
        return self._sources.values.get(name.upper())

    @property
    def origin(self) -> str:
        """Where the database is and where the settings were looked for, for people to read; no secret is in it."""
        database = name_database(self.database)
        if self.database_url is None:
            database += ", since no DATABASE_URL is set"
        if self._sources.file:
            return f"{database}; settings from {self._sources.file}"
        where = f"; no .env found in {self._sources.looked_in}" if self._sources.looked_in else ""
        return database + where


def name_database(url: str | URL) -> str:
    """Name a database for people to read: SQLite's file, or the address without its password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return "DATABASE_URL"
    if parsed.get_backend_name() == "sqlite":
        return f"SQLite at {parsed.database}"
    # A password can stand among the parameters, too.
    return parsed.set(query={}).render_as_string(hide_password=True)


def load() -> Settings:
    """Read the settings: the environment, then `.env`, unless VITEC_SYNC_IGNORE_DOTENV is set; then secrets' files.

    Raises SettingsError for what cannot be read or is no setting, and pydantic's ValidationError for a wrong value.
    """
    sources = read_sources((name.upper() for name in Settings.model_fields), _SECRETS)
    values: dict[str, Any] = {}
    for name in Settings.model_fields:
        setting = name.upper()
        text = sources.values.get(setting)
        if setting in _SECRETS:
            text = text or read_secret(sources, setting)
        if text is not None:
            values[name] = sources.resolve(setting, text) if setting in _PATHS else text
    return Settings.of(values, sources)
