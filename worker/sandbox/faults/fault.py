"""Every way in which the stand-in can fail: its name, the moment it strikes, and whether the call is carried out."""

from enum import Enum, StrEnum, auto
from types import MappingProxyType
from typing import Final


class Fault(StrEnum):
    """One way to fail. Scripts, the ledger and the control addresses use the value as its name."""

    # On a new connection, before any request: see `listener.py`.
    REFUSE_CONNECTIONS = auto()
    CONNECT_HANG = auto()
    RESET_ON_ACCEPT = auto()
    TLS_FAILURE = auto()
    TLS_HANG = auto()

    # On the wire of one request: see `wire.py`.
    RESET_BEFORE_READING = auto()
    CLOSE_BEFORE_READING = auto()
    RESET_BEFORE_PROCESSING = auto()
    RESET_AFTER_PROCESSING = auto()
    CLOSE_AFTER_PROCESSING = auto()
    HANG_BEFORE_PROCESSING = auto()
    HANG_AFTER_PROCESSING = auto()
    ACT_LATE = auto()
    SLOW_DRIP = auto()
    CHUNKED_DRIP = auto()
    TRUNCATED_HEADER = auto()
    TRUNCATED_BODY = auto()

    # A well-formed answer with the wrong content: see `wrong_answers.py`.
    BAD_REQUEST = auto()
    UNAUTHORIZED = auto()
    FORBIDDEN = auto()
    NOT_FOUND = auto()
    NOT_FOUND_HTML = auto()
    PROXY_LOGIN = auto()
    MAINTENANCE_PAGE = auto()
    CONFLICT = auto()
    THROTTLED = auto()
    THROTTLED_SECONDS = auto()
    THROTTLED_DATE = auto()
    THROTTLED_GARBAGE = auto()
    THROTTLED_HUGE = auto()
    SERVER_ERROR = auto()
    SERVER_ERROR_AFTER_PROCESSING = auto()
    BAD_GATEWAY_HTML = auto()
    UNAVAILABLE = auto()
    UNAVAILABLE_RETRY_AFTER = auto()
    GATEWAY_TIMEOUT = auto()
    REDIRECT_301 = auto()
    REDIRECT_302 = auto()
    REDIRECT_303 = auto()
    REDIRECT_307 = auto()
    REDIRECT_308 = auto()
    WRONG_JSON_TYPE = auto()
    MISSING_ID = auto()
    BROKEN_JSON = auto()
    EMPTY_BODY = auto()
    HUGE_BODY = auto()
    GZIP_BOMB = auto()
    BROKEN_GZIP = auto()
    SAME_ID = auto()

    # The right answer, and another one behind it that nothing asked for: see `wire.py`.
    SECOND_ANSWER = auto()

    @property
    def stage(self) -> "FaultStage":
        return _STAGES.get(self, FaultStage.AFTER_READING)

    @property
    def applies(self) -> bool:
        """Whether a valid call is carried out under this fault, unless the rule says otherwise."""
        return self in _APPLYING


class FaultStage(Enum):
    """The moment of a request's life at which its fault strikes."""

    ON_CONNECT = auto()
    BEFORE_READING = auto()
    AFTER_READING = auto()


CONNECTION_FAULTS: Final = frozenset(
    {
        Fault.REFUSE_CONNECTIONS,
        Fault.CONNECT_HANG,
        Fault.RESET_ON_ACCEPT,
        Fault.TLS_FAILURE,
        Fault.TLS_HANG,
    }
)

_STAGES: Final = MappingProxyType(
    {
        **dict.fromkeys(CONNECTION_FAULTS, FaultStage.ON_CONNECT),
        Fault.RESET_BEFORE_READING: FaultStage.BEFORE_READING,
        Fault.CLOSE_BEFORE_READING: FaultStage.BEFORE_READING,
    }
)

_APPLYING: Final = frozenset(
    {
        Fault.RESET_AFTER_PROCESSING,
        Fault.CLOSE_AFTER_PROCESSING,
        Fault.HANG_AFTER_PROCESSING,
        Fault.ACT_LATE,
        Fault.SLOW_DRIP,
        Fault.CHUNKED_DRIP,
        Fault.TRUNCATED_HEADER,
        Fault.TRUNCATED_BODY,
        Fault.SERVER_ERROR_AFTER_PROCESSING,
        Fault.WRONG_JSON_TYPE,
        Fault.MISSING_ID,
        Fault.BROKEN_JSON,
        Fault.EMPTY_BODY,
        Fault.HUGE_BODY,
        Fault.GZIP_BOMB,
        Fault.BROKEN_GZIP,
        Fault.SAME_ID,
        Fault.SECOND_ANSWER,
    }
)
