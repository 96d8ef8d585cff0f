"""The errors that a command expects, each as one line with its remedy."""

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from worker.bootstrap import NotReady
from worker.cli.terminal import CannotBeDone
from worker.settings import SettingsError
from worker.vitec.credentials import CredentialsError


def line_for(error: Exception) -> str | None:
    """Say what is wrong and what helps, without personal data; None: it was not expected."""
    match error:
        case CannotBeDone() | NotReady() | SettingsError() | CredentialsError():
            return str(error)
        case OperationalError() | InterfaceError():
            return f"The database is away or busy ({_first_line(error.orig)}): nothing more was done, try again."
        case PoolTimeoutError():
            return "The database has no connection to spare: nothing more was done, try again."
        case _:
            return None


def _first_line(cause: BaseException | None) -> str:
    """Keep what the driver says first; further lines may quote values."""
    said = str(cause or "").strip().splitlines()
    return said[0][:200] if said else "no reason was given"
