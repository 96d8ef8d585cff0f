"""A database that cannot be used, in words: the cause and its cure, without a value, a secret or a statement."""

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

MISSING_RIGHT = "42501"
"""PostgreSQL's code for a right that the role lacks."""

_START, _CORRECT = "start it, or correct DATABASE_URL", "correct DATABASE_URL"
_FAULTS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("password authentication failed",), "it refuses the user or the password", _CORRECT),
    (("no password supplied",), "it asks for a password, and none is given", _CORRECT),
    (("invalid connection option",), "its address has a parameter that there is not", _CORRECT),
    (
        ("read-only transaction",),
        "it takes no writes: a replica, or set to read only",
        "give the primary in DATABASE_URL, or make it writable",
    ),
    (
        ("canceling statement",),
        "a statement took too long, or waited for another program's lock",
        "try again in a moment",
    ),
    (
        ("pg_hba.conf",),
        "it does not let this user in from here (pg_hba.conf)",
        "let it in there, or correct DATABASE_URL",
    ),
    (("role", "does not exist"), "it has no such user", "create the user, or correct DATABASE_URL"),
    (("database", "does not exist"), "the server has no database of that name", "create it, or correct DATABASE_URL"),
    (("remaining connection slots",), "it takes no more connections", "raise max_connections, or run fewer processes"),
    (
        ("too many",),
        "it takes no more connections",
        "raise the limit of the server or the role, or run fewer processes",
    ),
    (("certificate",), "its certificate is not accepted", "give sslrootcert in DATABASE_URL, or correct its host"),
    (("does not support ssl",), "it speaks no TLS, which sslmode asks for", _CORRECT),
    (("connection refused",), "nothing listens at its address", _START),
    (("no such file or directory", "socket"), "nothing listens at its address", _START),
    (("failed to resolve",), "its host is not known", _CORRECT),
    (("name or service not known",), "its host is not known", _CORRECT),
    (("nodename nor servname",), "its host is not known", _CORRECT),
    (("timeout",), "it does not answer in time", _START),
    (("starting up",), "it is starting", "try again in a moment"),
    (("shutting down",), "it is shutting down", "start it"),
    (("unable to open database file",), "the file cannot be opened", "look at the rights of the file and its folder"),
    (("readonly database",), "the file or its folder is read-only", "make both writable for this user"),
    (("disk is full",), "the disk is full", "make room"),
    (("no space left",), "its disk is full", "make room"),
    (
        ("file is not a database",),
        "the file is no database of SQLite",
        "correct DATABASE_URL, or take a copy of a backup",
    ),
    (("malformed",), "the file is damaged", "take a copy of a backup"),
    (("locked",), "another process holds its lock", "try again in a moment"),
    (("disk i/o error",), "the disk fails", "look at the disk"),
)


def describe_fault(error: SQLAlchemyError) -> str | None:
    """Say why the database cannot be used, and what to do: `cause: cure`; None where it is no fault of its state.

    Of the driver's text only known words are read: other texts may quote values.
    """
    # These two are about a row, and quote it.
    if not isinstance(error, DBAPIError) or isinstance(error, (DataError, IntegrityError)):
        return None
    text = str(error.orig).lower()
    if getattr(error.orig, "sqlstate", None) == MISSING_RIGHT or "permission denied" in text:
        first = str(error.orig).strip().splitlines()[0].rpartition("FATAL:")[2].strip()
        return f"its user lacks a right ({first[:120]}): as its owner GRANT it, for tables CREATE on the schema"
    for words, cause, cure in _FAULTS:
        if all(word in text for word in words):
            return f"{cause}: {cure}"
    return None
