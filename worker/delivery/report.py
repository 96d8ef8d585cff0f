"""What a turn did, in one line that anybody may read: counts, no content."""

from collections import Counter
from dataclasses import dataclass, field

from models import State


@dataclass(slots=True)
class TurnReport:
    """Filled in as the turn goes; printed in Celery's log and Flower."""

    kind: str
    customer_id: str | None = None
    sent: int = 0
    looked_up: int = 0
    leftovers: int = 0
    states: Counter[State] = field(default_factory=Counter)
    seconds: float = 0.0
    ended: str = "nothing was due"
    more: str | None = None
    """The kind of the lane that is due longest now: ring for it once."""

    def summary(self) -> str:
        """One line without personal data."""
        if self.customer_id is None:
            return f"{self.kind}: {self.ended}"
        counts = ", ".join(f"{count} {state.value}" for state, count in sorted(self.states.items()))
        left = f", {self.leftovers} left by a dead turn" if self.leftovers else ""
        asked = f", looked up {self.looked_up}" if self.looked_up else ""
        return (
            f"{self.kind} of {self.customer_id}: sent {self.sent}{asked}{left}"
            f" ({counts or 'none settled'}) in {self.seconds:.1f} s; {self.ended}"
        )

    __str__ = summary
