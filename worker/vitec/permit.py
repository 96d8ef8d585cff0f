"""One request's right to write: the first byte and its withdrawal are decided under one lock."""

import threading
import time
from collections.abc import Callable


def _always() -> bool:
    return True


class Permit:
    """The right to send one request once, until `deadline` (a reading of `time.monotonic`).

    Either the first byte comes first (`written` is true, and whatever happens next the effect is unknown), or the
    withdrawal does (nothing has been written, and nothing will be). There is no third way, however long the sending
    thread sits in name look-up or TLS. Just before the first byte `may_write` is asked, under the same lock; it must
    not block.
    """

    __slots__ = ("_lock", "_may_write", "_revoked", "_written", "deadline")

    def __init__(self, deadline: float, may_write: Callable[[], bool] = _always) -> None:
        self.deadline = deadline
        self._may_write = may_write
        self._lock = threading.Lock()
        self._revoked = False
        self._written = False

    @property
    def written(self) -> bool:
        """Whether the first byte has been, or is this moment being, handed to the operating system."""
        return self._written

    @property
    def revoked(self) -> bool:
        """Whether it was withdrawn in time."""
        return self._revoked

    def remaining(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self.deadline - time.monotonic()

    def revoke(self) -> bool:
        """Withdraw it. True: in time, nothing has been written and nothing will be. False: too late."""
        with self._lock:
            if self._written:
                return False
            self._revoked = True
            return True

    def use(self) -> bool:
        """Take the right, for the connection that is about to write its first byte. False: it must not."""
        with self._lock:
            if self._written:
                return False
            if self._revoked or self.remaining() <= 0 or not self._may_write():
                self._revoked = True
                return False
            self._written = True
            return True
