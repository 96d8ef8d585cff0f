"""The log: one line per event, with ids and outcomes, and without any value of the CRM's.

What our own code logs goes through structlog; what libraries log goes through the same end of the pipe. There an
exception is cut down to its class and the places it passed through, since its text may quote a row or an answer.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

LONGEST_LINE = 500
"""Characters of one event's text; the rest of a longer one is cut off."""

_MOST_PLACES = 6

# At the lower levels these tell addresses and parameters, or what our own lines say better.
_DISCREET = (
    "alembic",
    "amqp",
    "asyncio",
    "celery.app.trace",
    "celery.worker.strategy",
    "kombu",
    "redis",
    "requests",
    "sqlalchemy",
    "tornado.access",
)

# These tell addresses even in their warnings, or warn those who write programs, not those who run them.
_MUTE = ("py.warnings", "urllib3")

Event = MutableMapping[str, Any]


def configure(level: int | str = logging.INFO, file: str | None = None) -> None:
    """Send all logging of this process to standard error, or to `file`, one line per event."""
    pre: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    structlog.configure(
        processors=[*pre, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler: logging.Handler = logging.FileHandler(file) if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=pre,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_values,
                one_line,
                structlog.processors.LogfmtRenderer(key_order=["at", "level", "event"], drop_missing=True),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _DISCREET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in _MUTE:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)


def without_values(_logger: Any, _method: str, event: Event) -> Event:
    """Put the class of an exception and the places it passed through where its text and its locals would be."""
    found = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event.setdefault("error", type(error).__name__)
        event["where"] = places(error)
    return event


def places(error: BaseException) -> str:
    """The innermost places of a traceback, as `file:line`; no code, no values."""
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_PLACES:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))


def one_line(_logger: Any, _method: str, event: Event) -> Event:
    """Keep the first line of each text, cut where it is too long, with control characters made harmless."""
    return {_key(key): _short(value) for key, value in event.items()}


def _key(key: str) -> str:
    return "".join(letter if letter.isprintable() and letter not in ' ="' else "_" for letter in key)


def _short(value: Any) -> Any:
    if not isinstance(value, str):
        return value if isinstance(value, int | float | bool | None) else _short(str(value))
    line = value.strip().split("\n", 1)[0]
    clean = "".join(letter if letter.isprintable() else "?" for letter in line[: LONGEST_LINE + 1])
    return clean if len(clean) <= LONGEST_LINE else clean[: LONGEST_LINE - 1] + "…"
