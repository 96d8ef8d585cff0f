"""The log: one line per event, with ids and outcomes, and without any value of the CRM's.

Events of our own code come through structlog, records of libraries through `logging`; both end in one handler. There
an exception is cut down to its class and the places it passed through, since its text may quote a row or an answer.
"""

import logging
import sys
import threading
import time
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

LONGEST_LINE = 500
"""Characters of one event's text; a longer text is cut off."""

_MOST_PLACES = 6
_OUR_CODE = Path(__file__).parent

# Loggers that at their lower levels show addresses and parameters, or repeat our own lines.
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

# Loggers that show addresses even in their warnings, or warn programmers and not operators.
_MUTE = ("py.warnings", "urllib3")

Event = MutableMapping[str, Any]

_log = structlog.get_logger(__name__)


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
                remove_values,
                shorten_to_one_line,
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


def remove_values(_logger: Any, _method: str, event: Event) -> Event:
    """Replace an exception by its class and the places it passed through: its text and its locals may quote a row."""
    exc_info = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if exc_info is True:
        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        event.setdefault("error", type(error).__name__)
        event["where"] = list_places(error)
    return event


def list_places(error: BaseException) -> str:
    """List the innermost places of a traceback, as `file:line`; no code, no values."""
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_PLACES:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))


def find_own_place(error: BaseException) -> str | None:
    """Find the innermost place of a traceback in our own code, as `worker/file:line`; no code, no values."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_OUR_CODE):
            return f"{path.relative_to(_OUR_CODE.parent)}:{frame.lineno}"
    return None


def shorten_to_one_line(_logger: Any, _method: str, event: Event) -> Event:
    """Keep the first line of each text, cut where it is too long, with control characters made harmless."""
    return {_clean_key(key): _clean_value(value) for key, value in event.items()}


def _clean_key(key: str) -> str:
    return "".join(letter if letter.isprintable() and letter not in ' ="' else "_" for letter in key)


def _clean_value(value: Any) -> Any:
    if not isinstance(value, str):
        return value if isinstance(value, int | float | bool | None) else _clean_value(str(value))
    line = value.strip().split("\n", 1)[0]
    clean = "".join(letter if letter.isprintable() else "?" for letter in line[: LONGEST_LINE + 1])
    return clean if len(clean) <= LONGEST_LINE else clean[: LONGEST_LINE - 1] + "…"


class Outage:
    """Something that is away: one line when that begins, one when it is over, however often it is met meanwhile.

    `begins` and `ends` are the events' texts; the first comes with `fault`, which must hold no value and no secret.
    """

    def __init__(self, begins: str, ends: str) -> None:
        self._begins, self._ends = begins, ends
        self._began_at: float | None = None
        self._lock = threading.Lock()

    @property
    def lasts(self) -> bool:
        """Whether it has begun and is not over."""
        return self._began_at is not None

    def note(self, fault: str) -> None:
        """Take note of the fault; it is logged if the outage begins with it."""
        with self._lock:
            began, self._began_at = self._began_at, self._began_at or time.monotonic()
        if began is None:
            _log.warning(self._begins, fault=fault)

    def end(self) -> None:
        """Take note that all is well; it is logged if an outage ends with it."""
        with self._lock:
            began, self._began_at = self._began_at, None
        if began is not None:
            _log.info(self._ends, seconds=round(time.monotonic() - began))
