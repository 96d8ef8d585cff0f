"""The errors that a command expects, each as one line with its remedy."""

import re

from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
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
        case DBAPIError():
            # Its traceback would not do: in spite of hidden parameters the driver's own text quotes the row.
            what = f"{type(error).__name__}: {_first_line(error.orig)}"
            # Of all classes this is the one whose first line may quote a value.
            what = re.sub('".*"', '"..."', what) if isinstance(error, DataError) else what
            return f"The database refused a statement ({what}): nothing more was done. It is a bug: report it."
        case PoolTimeoutError():
            return "The database has no connection to spare: nothing more was done, try again."
        case SQLAlchemyError():
            # It holds the statement's values, and its text may quote them.
            what = " from ".join(type(one).__name__ for one in (error, getattr(error, "orig", None)) if one is not None)
            return f"The database was not asked ({what}): nothing more was done. It is a bug: report it."
        case _:
            return None


def _first_line(cause: BaseException | None) -> str:
    """Keep what the driver says first; further lines may quote values."""
    said = str(cause or "").strip().splitlines()
    return said[0][:200] if said else "no reason was given"
