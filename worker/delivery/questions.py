"""Attempts with answers that may be others', as the client names them: unsettled ones end in doubt, settled ones are told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from worker.decide import Settlement
from worker.delivery.in_hand import WorkInHand


@dataclass(slots=True)
class Questions:
    """The attempts in question, by id and number. `look_again`: `Client.look_again`, where the client has one."""

    look_again: Callable[[float], Sequence[str]] | None
    doubt: Settlement
    """Settles such an attempt that is not settled yet."""
    _attempts: set[tuple[int, int]] = field(default_factory=set)

    def find_settled(self, hand: WorkInHand, patience: float) -> set[tuple[int, int]]:
        """Put those in hand in doubt, keep those that are not collected yet, and return the others: they are settled."""
        for request in self.look_again(patience) if self.look_again else ():
            id_, attempt, *look_up = request.split(".")
            # A look-up has a connection of its own, which was listened to before: no answer of another comes there.
            if not look_up:
                self._attempts.add((int(id_), int(attempt)))
        if not self._attempts:
            return set()
        settled = hand.put_in_question(self._attempts, self.doubt)
        self._attempts &= {(id_, attempt) for id_, attempt, _ in hand.in_flight}
        return settled
