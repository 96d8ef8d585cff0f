"""The report of a turn: one line of counts without content, which may be shown in any log."""

from collections import Counter
from dataclasses import dataclass, field

from models import State
from worker.delivery.ending import EndReason


@dataclass(slots=True)
class TurnReport:
    """Counts that are filled in as the turn goes, and printed in Celery's log and in Flower."""

    kind: str
    customer_id: str | None = None
    sent: int = 0
    """Requests of which the first byte was written: without a connection, or withdrawn before it, nothing was sent."""
    looked_up: int = 0
    leftovers: int = 0
    states: Counter[State] = field(default_factory=Counter)
    seconds: float = 0.0
    ended: EndReason = EndReason.NOTHING_DUE
    next_kind: str | None = None
    """The kind of the lane that is due longest now: ring for it once. None: no lane is due, or the turn moved nothing."""

    def summary(self) -> str:
        """Write the counts as one line without personal data."""
        if self.customer_id is None:
            return f"{self.kind}: {self.ended}"
        counts = ", ".join(f"{count} {state.value}" for state, count in sorted(self.states.items()))
        leftovers = f", {self.leftovers} left by a dead turn" if self.leftovers else ""
        look_ups = f", looked up {self.looked_up}" if self.looked_up else ""
        return (
            f"{self.kind} of {self.customer_id}: sent {self.sent}{look_ups}{leftovers}"
            f" ({counts or 'none settled'}) in {self.seconds:.1f} s; {self.ended}"
        )

    __str__ = summary
