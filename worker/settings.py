"""The settings, from the environment or `.env`; a secret also from a file named by `…_FILE`."""

import os
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker.kinds import KIND_BY_NAME
from worker.outbox.database.sending_hours import SendingHours

LEASE_MARGIN = 15.0
"""Seconds by which a lease outlasts a request's deadline, so that its answer can still be settled."""

CLAIM_MARGIN = 5.0
"""Seconds by which the lease must outlast the deadline of a request that is claimed now."""


class SettingsError(Exception):
    """A setting is missing or cannot be. The text names the setting and the remedy, never a secret value."""


def _is_loopback(host: str | None) -> bool:
    return host in {"127.0.0.1", "::1", "localhost"}


def _parse_seconds(value: Any) -> Any:
    """Accept plain numbers of seconds wherever a duration is asked."""
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return float(value)
    return value


Seconds = Annotated[timedelta, BeforeValidator(_parse_seconds)]


class Settings(BaseSettings):
    """The settings of an office. Durations are seconds."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    state_dir: Path = Path("var")
    database_url: SecretStr | None = None
    broker_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")

    vitec_base_url: str | None = None
    vitec_username: str | None = None
    vitec_password: SecretStr | None = None
    vitec_credentials_file: Path | None = None
    vitec_ca_bundle: Path | None = None
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
    look_up_gap: float = Field(300.0, gt=0)
    """How late Vitec may act, and how long until look-ups show it, must together be no more than quiet time and gap.

    A permission to send again lasts a gap, so that 0 would be to ask without end, and never to send.
    """
    look_up_skew: float = Field(5.0, ge=0)
    look_up_tries: int = Field(12, ge=2)
    """After so many look-ups in all a doubt is a person's."""
    look_up_unclear: int = Field(3, ge=1)
    """After so many, if Vitec's answer proves nothing."""
    on_doubt: dict[str, Literal["hold", "look_up"]] = Field(default_factory=dict)
    """By kind, as JSON: {"comeback": "hold"} leaves comebacks in doubt to a person at once."""
    resend_in_doubt_may_double: tuple[str, ...] = ()
    """Kinds that are sent again in doubt, unless accepted, as JSON: ["notification"]. Vitec may then act twice."""
    turn_alone: float = Field(30.0, gt=0)
    turn_shared: float = Field(2.0, gt=0)
    dispatch_every: float = Field(5.0, gt=0)
    housekeeping_every: float = Field(15.0, gt=0)
    lease_margin: float = Field(LEASE_MARGIN, gt=0)
    claim_margin: float = Field(CLAIM_MARGIN, gt=0)
    order_token_expires: Seconds = timedelta(hours=1)
    notification_expires: Seconds = timedelta(hours=24)
    sending_hours: dict[str, str] = Field(default_factory=dict)
    """By kind, as JSON, in Stockholm time: {"notification": "08:00-20:00"}. A kind not named is sent at any time."""
    parent_missing_after: Seconds = timedelta(days=1)
    """From when the CRM is told that a row waits for one that is not there; 0: never."""
    blank_after: Seconds = timedelta(days=90)

    feed_dir: Path | None = None
    results_dir: Path | None = None
    flower_basic_auth: SecretStr | None = None
    flower_unprotected: bool = False
    """Flower without a login, only ever on loopback."""

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in ("database_url", "broker_url", "vitec_password", "flower_basic_auth"):
            path = os.environ.get(f"{name.upper()}_FILE")
            if path and not values.get(name):
                values[name] = Path(path).read_text(encoding="utf-8").strip()
        return values

    @model_validator(mode="after")
    def _check_promises(self) -> Self:
        if self.claim_margin >= self.lease_margin:
            raise ValueError("CLAIM_MARGIN must be less than LEASE_MARGIN: a fresh lease could not be claimed under")
        url = urlsplit(self.vitec_base_url or "")
        if self.vitec_base_url and not (url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.hostname))):
            raise ValueError("VITEC_BASE_URL must be https (http is for loopback only)")
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("VITEC_BASE_URL must be a plain address, without login, query or fragment")
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

    @cached_property
    def database(self) -> str:
        """The database's URL; an SQLite file in the state folder if none is given."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.state_dir / 'vitec-sync.db'}"


def load() -> Settings:
    """Read the settings from the environment and, unless VITEC_SYNC_IGNORE_DOTENV is set, from `.env`."""
    return Settings(_env_file=_dotenv())


def login_files() -> tuple[Path, ...]:
    """Give the files from which a login may come by the settings themselves: `.env`, and the password's own."""
    password_file = os.environ.get("VITEC_PASSWORD_FILE")
    return tuple(Path(name) for name in (_dotenv(), password_file) if name)


def _dotenv() -> str | None:
    return None if os.environ.get("VITEC_SYNC_IGNORE_DOTENV") else ".env"
