"""A client with a memory instead of a wire: it answers by script, and tells what it was asked to send."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from worker.errors import Revoked, VitecError
from worker.kind import Answer, Call
from worker.vitec.http_attempt import Permit

Reply = Callable[[Call, Permit], Answer | VitecError]


def created(call: Call, permit: Permit) -> Answer:
    """The usual success of a call that returns an id."""
    del permit
    return Answer(200, f'"ID-{call.request_id}"'.encode())


@dataclass
class Wire:
    """Sends nothing. `reply` decides what comes back; it runs after the first byte was allowed."""

    reply: Reply = created
    calls: list[Call] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, call: Call, permit: Permit) -> Answer | VitecError:
        """Remember the call, and reply as told."""
        if not permit.use():
            return Revoked("withdrawn")
        with self._lock:
            self.calls.append(call)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return self.reply(call, permit)
        finally:
            with self._lock:
                self._now -= 1

    @property
    def request_ids(self) -> list[str]:
        """What was sent, as `<operation>.<attempt>`."""
        return [call.request_id for call in self.calls]
