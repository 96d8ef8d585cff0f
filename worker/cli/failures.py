"""The errors that a command expects, each as one line with its remedy."""

import re

from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from worker.bootstrap import NotReady
from worker.cli.terminal import CannotBeDone
from worker.dotenv import SettingsError
from worker.outbox.database.faults import describe_fault
from worker.vitec.credentials import CredentialsError


def describe_failure(error: Exception) -> str | None:
    """Describe an error and its remedy in a line without personal data; None: it was not expected."""
    fault = describe_fault(error) if isinstance(error, DBAPIError) else None
    if fault is not None:
        return f"The database cannot be used, and nothing more was done: {fault}."
    match error:
        case CannotBeDone() | NotReady() | SettingsError() | CredentialsError():
            return str(error)
        case OperationalError() | InterfaceError():
            return f"The database is away or busy ({_first_line(error.orig)}): nothing more was done, try again."
        case DBAPIError():
            # Its traceback would not do: in spite of hidden parameters the driver's own text quotes the row.
            problem = f"{type(error).__name__}: {_first_line(error.orig)}"
            # Of all classes only this has a first line that may quote a value.
            problem = re.sub('".*"', '"..."', problem) if isinstance(error, DataError) else problem
            return f"The database refused a statement ({problem}): nothing more was done. It is a bug: report it."
        case PoolTimeoutError():
            return "The database has no connection to spare: nothing more was done, try again."
        case SQLAlchemyError():
            # It holds the statement's values, and its text may quote them.
            causes = (error, getattr(error, "orig", None))
            problem = " from ".join(type(cause).__name__ for cause in causes if cause is not None)
            return f"The database was not asked ({problem}): nothing more was done. It is a bug: report it."
        case _:
            return None


def _first_line(cause: BaseException | None) -> str:
    """Keep the first line of the driver's text; further lines may quote values."""
    lines = str(cause or "").strip().splitlines()
    return lines[0][:200] if lines else "no reason was given"
