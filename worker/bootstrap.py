"""The one place where the parts are put together: each at its first use, once per process, anew after a fork."""

import mmap
import os
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

import migrations
from worker import logs
from worker import settings as _settings
from worker.address import is_same_address, normalize_address
from worker.dotenv import SettingsError
from worker.outbox import Database, connect
from worker.outbox.database import faults
from worker.outbox.database.sending_hours import SendingHours
from worker.outbox.lanes import environments
from worker.settings import Settings, name_database

if TYPE_CHECKING:
    from celery import Celery

    from worker.delivery import TurnReport
    from worker.importing import TakenIn
    from worker.vitec.client import Client
    from worker.vitec.credentials import Credentials
    from worker.vitec.current_logins import CurrentLogins

log = structlog.get_logger(__name__)

_broker_outage = logs.Outage("the broker takes no rings; the rows are found without", "the broker takes rings again")

# One byte that the main process shares with the children it forks. It needs neither a file nor /dev/shm.
_stop_flag = mmap.mmap(-1, 1)


class NotReady(Exception):  # noqa: N818 (a fact, not a failure of ours)
    """Something that must be there is not. The text is the line to show, with the fault and the remedy."""


@cache
def settings() -> Settings:
    """The settings of this process. Raises `SettingsError` with one line; a value is never in it."""
    return _read_settings()


def _read_settings() -> Settings:
    try:
        return _settings.load()
    except ValidationError as error:
        raise SettingsError(_describe_error(error)) from None


def _describe_error(error: ValidationError) -> str:
    lines = []
    for fault in error.errors(include_input=False, include_context=False, include_url=False):
        name = ".".join(str(part) for part in fault["loc"]).upper()
        text = fault["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {text}" if name else text)
    return "Settings: " + "; ".join(lines)


@cache
def database() -> Database:
    """The database of this process, reachable and at the schema this program knows; `NotReady` otherwise."""
    url = make_url(settings().database)
    # To connect would make an empty file, which every later command would take for the database.
    if url.get_backend_name() == "sqlite" and not (url.database and os.path.exists(url.database)):  # noqa: PTH110
        raise NotReady(f"There is no database yet ({settings().origin}): run `vitec-sync migrate`.")
    db = Database(connect(settings().database), hours=SendingHours.of(settings().sending_hours))
    try:
        _check_schema(db)
    except NotReady:
        db.engine.dispose()
        raise
    return db


def describe_database_fault(error: SQLAlchemyError) -> str:
    """Say in one line which database cannot be used, why, and what to do about it."""
    fault = faults.describe_fault(error)
    if fault is None:
        # Only the database's own words: other errors may quote their arguments.
        message = str(error.orig).strip() if isinstance(error, DBAPIError) else ""
        reason = message.splitlines()[0] if message else type(error).__name__
        fault = f"{reason[:200]}: start it, or correct DATABASE_URL"
    return f"The database cannot be used ({name_database(settings().database)}): {fault}."


def name_fault(error: Exception) -> str:
    """Name in a few words why something could not be done, for a log: of errors of other code only the class."""
    if isinstance(error, SQLAlchemyError):
        return faults.describe_fault(error) or type(error).__name__
    return str(error) if isinstance(error, NotReady | SettingsError) else type(error).__name__


def _check_schema(db: Database) -> None:
    shown = name_database(settings().database)
    try:
        with db.read() as connection:
            revision = migrations.current(connection)
    except SQLAlchemyError as error:
        raise NotReady(describe_database_fault(error)) from None
    if revision is None:
        raise NotReady(f"The database has no tables yet ({shown}): run `vitec-sync migrate`.")
    if revision != migrations.head():
        if migrations.is_known(revision):
            raise NotReady(f"The database's schema is old ({revision}): run `vitec-sync migrate`.")
        raise NotReady(f"The database's schema ({revision}) is newer than this program: update the program.")


@cache
def client() -> "Client":
    """The client of this process for the configured environment; `NotReady` without an address or a login."""
    from worker.vitec.client import Client

    logins.cache_clear()
    configured = settings()
    return Client(
        base_url(),
        logins(),
        timeout=configured.vitec_timeout,
        pool_size=configured.vitec_in_flight,
        ca_bundle=configured.vitec_ca_bundle,
        throttled_is_certain=configured.vitec_throttled_is_certain,
    )


@cache
def logins() -> "CurrentLogins":
    """The logins of this process at Vitec, as they stand; `NotReady` names what is missing or wrong, never a secret."""
    from worker.vitec.credentials import CredentialsError
    from worker.vitec.current_logins import CurrentLogins

    settings()
    try:
        return CurrentLogins(_load_credentials)
    except CredentialsError as error:
        raise NotReady(str(error)) from None


def credentials() -> "Credentials":
    """The logins at Vitec as they are read now; `NotReady` names what is missing or wrong, never a secret."""
    from worker.vitec.credentials import CredentialsError

    try:
        return _load_credentials()
    except CredentialsError as error:
        raise NotReady(str(error)) from None


def _load_credentials() -> "Credentials":
    from worker.vitec.credentials import Credentials, CredentialsError

    try:
        configured = _read_settings()
        return Credentials.load(configured, files=configured.login_files)
    except SettingsError as error:
        raise CredentialsError(str(error)) from None


def base_url() -> str:
    """The configured address of Vitec, in the one spelling that is recorded and compared."""
    configured = settings().vitec_base_url
    if not configured:
        raise NotReady("VITEC_BASE_URL is not set: set it to the address of the Vitec environment to send to.")
    return normalize_address(configured)


def register_environment(address: str) -> None:
    """Record `address` as the one that the database serves; `NotReady` if it is bound to another one.

    It is bound by the first answer from there, or once a request may have been written.
    """
    try:
        recorded = environments.register(database(), address)
    except SQLAlchemyError as error:
        raise NotReady(describe_database_fault(error)) from None
    if not is_same_address(recorded, address):
        raise NotReady(
            f"This database belongs to {recorded}, but VITEC_BASE_URL is {address}: "
            "a database serves one Vitec environment, so use another one (DATABASE_URL) or correct VITEC_BASE_URL."
            " `vitec-sync environment` shows since when."
        )


def check_worker() -> None:
    """Raise `NotReady` or `SettingsError` at once if a worker of these settings could not work."""
    address = base_url()
    credentials()
    database()
    register_environment(address)


def serve_turn(kind: str) -> "TurnReport":
    """Serve the due lane of the kind that has waited longest, for one turn, in the main thread of this process."""
    from worker import delivery
    from worker.delivery.dead_mans_switch import restore_default_sigalrm

    # Celery may have put in an action of its own since the last turn.
    restore_default_sigalrm()
    return delivery.serve(kind, db=database(), client=client(), settings=settings(), stopping=stopping)


def serve_table() -> "tuple[TakenIn, int]":
    """Take in a batch of new rows of `crm_rows`, ring for them, and write back how a batch of operations stands.

    Returns what was taken in, and the number of operations that were written back.
    """
    from worker.importing import IntakeDefaults, take_in_rows
    from worker.results import write_rows_back

    taken_in = take_in_rows(database(), IntakeDefaults.of(settings()))
    if taken_in.lanes:
        ring({kind for _, kind in taken_in.lanes})
    return taken_in, write_rows_back(database(), settings().language)


@cache
def publisher() -> "Celery":
    """The app by which this process rings; one call waits for the broker less than 2 s."""
    from worker import rings

    return rings.publisher(settings())


def ring(kinds: Iterable[str]) -> None:
    """Ring once for each of `kinds`. A failure is logged, once, and never fatal: the rows are found later. Within 2 s."""
    from worker import rings

    try:
        rings.ring(publisher(), sorted(set(kinds)))
    except Exception as error:  # noqa: BLE001 (of any class, from the broker's library; the rows are recorded)
        _broker_outage.note(rings.describe_fault(error))
    else:
        _broker_outage.end()


def broker_fault() -> str | None:
    """Say what is wrong with the broker, if anything is: see `rings.find_fault`. Within 2 s."""
    from worker import rings

    return rings.find_fault(publisher())


def ask_to_stop() -> None:
    """Make all processes of this worker end their turns. Safe in a signal handler."""
    _stop_flag[0] = 1


def stopping() -> bool:
    """Whether the worker has been asked to stop: it claims nothing more; requests in flight finish and are settled."""
    return _stop_flag[0] != 0


def _drop_connections() -> None:
    # A connection belongs to one process: the child must neither use its parent's nor say goodbye on it.
    if database.cache_info().currsize:
        database().engine.dispose(close=False)
    for part in (database, client, logins, publisher):
        part.cache_clear()


os.register_at_fork(after_in_child=_drop_connections)
