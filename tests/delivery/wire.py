"""A client that sends nothing: it answers by a script and remembers its calls."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from worker.errors import Revoked, VitecError
from worker.kind import Answer, Call
from worker.vitec.http_attempt import Permit

Reply = Callable[[Call, Permit], Answer | VitecError]


def created(call: Call, permit: Permit) -> Answer:
    """Answer as Vitec does when it has created something: 200 and an id."""
    del permit
    return Answer(200, f'"ID-{call.request_id}"'.encode())


@dataclass
class Wire:
    """Sends nothing. `reply` decides what comes back; it runs after the first byte was allowed."""

    reply: Reply = created
    calls: list[Call] = field(default_factory=list)
    most_at_once: int = 0
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, call: Call, permit: Permit) -> Answer | VitecError:
        """Remember the call, and reply by the script."""
        if not permit.use():
            return Revoked("withdrawn")
        with self._lock:
            self.calls.append(call)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            return self.reply(call, permit)
        finally:
            with self._lock:
                self._under_way -= 1

    @property
    def request_ids(self) -> list[str]:
        """List the calls, as `<operation>.<attempt>`."""
        return [call.request_id for call in self.calls]
