"""The errors of one request to Vitec, as facts, sorted by one question: may Vitec have acted?

    VitecError
    ├── NoEffect            surely not: it may be sent again
    │   ├── Unreachable     no connection; nothing was written
    │   ├── Revoked         our own watchdog withdrew it before the first byte
    │   ├── Unsendable      our own client found it unfit for the wire
    │   ├── Barred          401, 403
    │   ├── Throttled       429, 503 with Retry-After
    │   └── ForeignAnswer   407, 421, 431, 511, or a 4xx with a page of HTML: something before Vitec's API said no
    ├── EffectUnknown       perhaps: never sent again before Vitec or a person has answered
    │   ├── Unanswered      the first byte was written and no complete answer came
    │   ├── Unreadable      2xx, so it was accepted, but the answer is cut off or too large
    │   ├── ForeignPage     2xx, but a page of HTML: perhaps put in the place of Vitec's own answer
    │   ├── ServerError     5xx, 408, 425, 499 or an unknown status
    │   ├── Redirected      3xx; never followed
    │   └── Conflict        409
    └── Refused             no: a 4xx that none of the others takes

No text in here holds a body, a header, a path or a value of the CRM: these errors may be logged.
"""

from typing import ClassVar


class VitecError(Exception):
    """One request to Vitec that did not end in a complete 2xx answer.

    `status` is the HTTP status if one came. `text` is Vitec's own text (at most 500 characters, control characters
    removed): it may echo personal data, so it is for the database and kept out of `str()`. So is `answer_text`, the beginning
    of the answer as it came; `answer_shape` holds no data.
    """

    code: ClassVar[str]
    answer_text: str | None = None
    answer_shape: str | None = None

    def __init__(self, why: str, *, status: int | None = None, text: str | None = None, tries: int = 1) -> None:
        super().__init__(why)
        self.why = why
        self.status = status
        self.text = text
        self.tries = tries


class NoEffect(VitecError):  # noqa: N818 (a fact, not a failure)
    """Vitec surely did not act."""


class Unreachable(NoEffect):
    """No connection could be made: name look-up, refused, connect or TLS trouble. Nothing was written."""

    code = "unreachable"


class Revoked(NoEffect):
    """Withdrawn before the first byte: the lease ended, or its time was up before it was tried. Nothing was written."""

    code = "revoked"


class Unsendable(NoEffect):
    """Its path or request id may not go on the wire: a fault of our own, or a row that was tampered with."""

    code = "unforeseen"


class Barred(NoEffect):
    """The login opens nothing here.

    401: it is wrong, or lacks the function group; so too, without a request, where no login is configured. 403: it has no
    right to the data, or the office is closed.
    """

    code = "unauthorized"

    @property
    def forbidden(self) -> bool:
        """Whether it was a 403."""
        return self.status == 403


class Throttled(NoEffect):
    """429, or 503 with Retry-After. `retry_after` is in seconds, clamped to 1 … 3600; None: not said."""

    code = "throttled"

    def __init__(
        self,
        why: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        text: str | None = None,
        tries: int = 1,
    ) -> None:
        super().__init__(why, status=status, text=text, tries=tries)
        self.retry_after = retry_after


class ForeignAnswer(NoEffect):
    """An answer that is not the API's own, so that Vitec's application never had the request.

    A proxy or a portal asks for a login (407, 511), a server says that it is not meant (421) or takes no such head (431); or
    a refusal or a 403 came as a page of HTML: the application is not deployed, the address has a wrong path, a ban.
    """

    code = "foreign_answer"


class EffectUnknown(VitecError):  # noqa: N818 (a fact, not a failure)
    """Vitec may have acted."""


class Unanswered(EffectUnknown):
    """The first byte was written, and the connection ended or the deadline came before a complete answer."""

    code = "unanswered"


class Unreadable(EffectUnknown):
    """2xx came, so the call was accepted; the body is truncated, too large or not decodable."""

    code = "unreadable_answer"


class ForeignPage(EffectUnknown):
    """2xx came with a page of HTML, which the API never gives: a maintenance or login page, in place of any answer.

    Whether Vitec had acted before the page was put in its place, no status tells: it is not accepted.
    """

    code = "foreign_answer"


class ServerError(EffectUnknown):
    """5xx, but for a 503 that is `Throttled`; a 408, 425 or 499; an unknown status; a 429 that may have had an effect."""

    code = "server_error"


class Redirected(EffectUnknown):
    """3xx. Never followed: it would carry personal data elsewhere, or turn the POST into a GET."""

    code = "redirected"


class Conflict(EffectUnknown):
    """409."""

    code = "conflict"


class Refused(VitecError):  # noqa: N818 (a fact, not a failure)
    """A 4xx that none of the others takes: Vitec's API looked at it and said no."""

    code = "refused"
