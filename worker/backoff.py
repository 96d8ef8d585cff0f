"""How long to wait after a failure: doubling up to a cap, and spread by chance."""

import random
from collections.abc import Callable
from dataclasses import dataclass

Jitter = Callable[[float], float]
"""Picks a waiting time in seconds, at most its argument."""


def full_jitter(seconds: float) -> float:
    """Pick anything from nothing to `seconds`: the spread that parts a crowd best."""
    return random.uniform(0, seconds)  # noqa: S311 (waiting times are no secret)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after the n-th failure, or for the n-th hold in a row: `first` s, doubling up to `cap` s."""

    first: float = 30.0
    cap: float = 6 * 3600.0

    def seconds(self, count: int) -> float:
        """Give the whole waiting time after so many (1 or more)."""
        return min(self.cap, self.first * 2.0 ** min(count - 1, 40))
