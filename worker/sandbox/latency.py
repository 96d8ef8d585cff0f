"""How long an answer takes: a fixed time, or a time between two."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

_TIME: Final = r"(\d+(?:\.\d+)?)(ms|s)?"
_RANGE: Final = re.compile(rf"{_TIME}(?:-{_TIME})?")


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds at least and at most."""

    least: float = 0.0
    most: float = 0.0

    @classmethod
    def of(cls, text: str) -> Self:
        """Read `0.05`, `50ms`, `1s` or `20ms-80ms`; a number without a unit is in seconds."""
        found = _RANGE.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"a latency is written 0.05, 50ms, 1s or 20ms-80ms, not {text!r}")
        low, low_unit, high, high_unit = found.groups()
        least = _seconds(low, low_unit or high_unit)
        most = least if high is None else _seconds(high, high_unit)
        if most < least:
            raise ValueError(f"the longer time comes last in a latency, not as in {text!r}")
        return cls(least, most)

    def draw(self, chance: Callable[[], float]) -> float:
        return self.least + (self.most - self.least) * chance()


def _seconds(number: str, unit: str | None) -> float:
    return float(number) / (1000 if unit == "ms" else 1)
