"""Latency: an answer takes a fixed time, or a random time between two."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

_TIME: Final = r"(\d+(?:\.\d+)?)(ms|s)?"
_RANGE: Final = re.compile(rf"{_TIME}(?:-{_TIME})?")


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds at least and at most."""

    shortest: float = 0.0
    longest: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `0.05`, `50ms`, `1s` or `20ms-80ms`; a number without a unit is in seconds."""
        matched = _RANGE.fullmatch(text.strip())
        if matched is None:
            raise ValueError(f"a latency is written 0.05, 50ms, 1s or 20ms-80ms, not {text!r}")
        low, low_unit, high, high_unit = matched.groups()
        shortest = _seconds(low, low_unit or high_unit)
        longest = shortest if high is None else _seconds(high, high_unit)
        if longest < shortest:
            raise ValueError(f"the longer time comes last in a latency, not as in {text!r}")
        return cls(shortest, longest)

    def draw(self, chance: Callable[[], float]) -> float:
        return self.shortest + (self.longest - self.shortest) * chance()


def _seconds(number: str, unit: str | None) -> float:
    return float(number) / (1000 if unit == "ms" else 1)
