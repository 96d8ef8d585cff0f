"""`python -m tests.chaos`: run the failures, print the table, and end with 1 if a promise was broken."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from run import clean_environment
from tests.chaos import answers, brokers, killing, points, restarts, secrets_kept
from tests.chaos.house import house
from tests.chaos.result import Result, inserted, markdown, trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.chaos.house import House


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of each part is run."""

    operations: int
    points: int
    sample: tuple[tuple[str, str], ...]
    faults: int
    load: int
    flush_every: float
    away: float
    restarts: int
    rolling: int


LONG = Extent(10_000, 300, killing.EVERY_POINT, 200, 2_000, 10, 180, 20, 50)
SHORT = Extent(300, 30, (("after_last_byte", "kill"), ("before_first_byte", "freeze")), 20, 200, 2, 8, 3, 3)
TINY = Extent(100, 1, (("before_first_byte", "freeze"),), 5, 80, 2, 3, 1, 1)
EXTENTS = {"long": LONG, "short": SHORT, "tiny": TINY}

PARTS: dict[str, Callable[[House, Extent], list[Result]]] = {
    "G1": lambda house, extent: killing.run(house, extent.operations),
    "G2": lambda house, extent: points.run(house, extent.points) + killing.sample(house, extent.sample),
    "G3": lambda house, extent: answers.run(house, extent.faults),
    "G4": lambda house, extent: brokers.run(house, count=extent.load, every=extent.flush_every, away=extent.away),
    "G5": lambda house, extent: restarts.databases(
        house, count=min(5_000, extent.restarts * 250), restarts=extent.restarts
    ),
    "G6": lambda house, extent: brokers.messages(house, min(200, extent.load)),
    "G7": lambda house, extent: restarts.rolling(house, restarts=extent.rolling),
    "G9": lambda house, _: secrets_kept.run(house),
}


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--long", dest="extent", action="store_const", const="long", help="the full extent: hours")
    parser.add_argument("--short", dest="extent", action="store_const", const="short", help="minutes (the default)")
    parser.add_argument("--tiny", dest="extent", action="store_const", const="tiny", help="as in the test suite")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, such as G1,G3")
    parser.add_argument("--seed", type=int, default=1, help="which faults strike whom, and who is killed")
    parser.add_argument("--write", type=Path, help="page into which the table is put, such as docs/reliability.md")
    parser.set_defaults(extent="short")
    chosen = parser.parse_args(arguments)
    chosen.only = chosen.only.upper().split(",")
    if unknown := set(chosen.only) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}, only {', '.join(PARTS)}")
    return chosen


def _all(chosen: argparse.Namespace) -> Iterator[tuple[str, list[Result]]]:
    """Run part after part, on the same servers unless one has left them in disorder."""
    waiting = list(chosen.only)
    while waiting:
        with house(chosen.seed) as servers:
            while waiting:
                name = waiting.pop(0)
                began = time.monotonic()
                found, sound = _played(name, servers, EXTENTS[chosen.extent])
                _say(name, found, time.monotonic() - began)
                yield name, found
                if not sound:
                    break


def _played(name: str, house: House, extent: Extent) -> tuple[list[Result], bool]:
    """One part, and whether it came to its end. What keeps it from that is a result too."""
    try:
        return PARTS[name](house, extent), True
    except Exception as error:  # noqa: BLE001 (the other parts are still to be run)
        return [Result(name, "the run itself", 0, 0, problems=(f"{type(error).__name__}: {error}",))], False


def _say(name: str, found: Sequence[Result], seconds: float) -> None:
    verdict = "holds" if all(result.holds for result in found) else "BROKEN"
    print(f"{name} {verdict} ({seconds:.0f} s)", flush=True)
    for result in found:
        for line in trouble(result):
            print(f"  {result.fault}: {line}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the chosen parts one after another."""
    chosen = parsed(arguments)
    environment = clean_environment(dict(os.environ))
    os.environ.clear()
    os.environ.update(environment)
    results = [result for name, found in _all(chosen) for result in found]
    print(f"\n{markdown(results)}")
    if chosen.write:
        command = f"python3 run.py chaos --{chosen.extent} --only {','.join(chosen.only)} --seed {chosen.seed}"
        said = f"Measured on {datetime.now(UTC):%Y-%m-%d} by `{command}`, {os.cpu_count()} cores."
        page = chosen.write.read_text(encoding="utf-8")
        chosen.write.write_text(inserted(page, markdown(results), said), encoding="utf-8")
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
