"""The parameters of a simulation: the settings, the rules that are compared, and the costs."""

from __future__ import annotations

from dataclasses import dataclass

from worker.settings import Settings

SHIPPED = Settings(_env_file=None)


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings, and the rule in force where two are compared. The defaults are those of the product."""

    rate: float = SHIPPED.vitec_requests_per_second
    in_flight: int = SHIPPED.vitec_in_flight
    children: int = 4
    alone: float = SHIPPED.turn_alone
    shared: float = SHIPPED.turn_shared
    dispatch_every: float = SHIPPED.dispatch_every
    ring_per_lane: bool = False
    """A ring names its lane: the rule that was not taken."""
    kinds_in_turn: bool = True
    """Dispatch rings the kinds in turn, the one that has waited longest first; else one kind after another."""
    frugal: bool = True
    """A turn reserves slots for rows that are ready and that its share leaves room for; else for each free thread."""
    share: bool = True
    """Living turns divide the in-flight limit; else the first turn to ask has all that is free."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds that things take: a ring's way to a child, a read, a small commit, an exchange and each row in it; and
    Vitec's answer (median)."""

    ring: float = 0.005
    read: float = 0.0005
    commit: float = 0.0015
    exchange: float = 0.003
    row: float = 0.0003
    answer: float = 0.1
    spread: float = 0.4
    """The standard deviation of the answer's logarithm."""

    def scale(self, by: float) -> Costs:
        """Scale the costs to a machine that takes so many times as long; Vitec's answer stays."""
        return Costs(
            self.ring * by,
            self.read * by,
            self.commit * by,
            self.exchange * by,
            self.row * by,
            self.answer,
            self.spread,
        )
