"""The parts of a run, how much of each is done, and which of them can be done side by side."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.chaos import answers, brokers, killing, points, restarts, secrets_kept
from tests.chaos.house import house
from tests.chaos.result import Result, trouble

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
SHORT = Extent(200, 30, (("after_last_byte", "kill"), ("before_first_byte", "freeze")), 20, 200, 2, 8, 3, 3)
SHARE = Extent(60, 3, (), 5, 80, 2, 3, 1, 1)
EXTENTS = {"long": LONG, "short": SHORT, "share": SHARE}

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

DATABASES = ("postgresql", "sqlite")
NO_SERVER = {"G5"}
"""What has no meaning where the database is a file."""

OUTLIVES_POWER = {"G1", "G5"}
"""Parts in which PostgreSQL is made to keep what it has said whatever happens. In the others it is never killed."""

LONGEST_FIRST = ("G7", "G4", "G1", "G9", "G5", "G6")
SIDE_BY_SIDE = 3


@dataclass(frozen=True, slots=True)
class Errand:
    """One part to be run, on one database."""

    part: str
    database: str
    extent: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.part} on {'SQLite' if self.database == 'sqlite' else 'PostgreSQL'}"

    @property
    def alone(self) -> bool:
        """Whether it wants the whole machine. The others mostly wait, and so run side by side."""
        return self.part in {"G2", "G3"} or (self.part == "G1" and self.extent != "share")


@dataclass(frozen=True, slots=True)
class Played:
    """What came of an errand, and how many seconds it took."""

    errand: Errand
    results: tuple[Result, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        return all(result.holds for result in self.results)


def play(errand: Errand) -> Played:
    """One part on servers of its own. What keeps it from coming to its end is a result too."""
    began = time.monotonic()
    try:
        with house(errand.seed, errand.database, durable=errand.part in OUTLIVES_POWER) as servers:
            results = PARTS[errand.part](servers, EXTENTS[errand.extent])
    except Exception as error:  # noqa: BLE001 (the other parts are still to be run)
        results = [Result(errand.part, "the run itself", 0, 0, problems=(f"{type(error).__name__}: {error}",))]
    played = Played(errand, tuple(results), time.monotonic() - began)
    _say(played)
    return played


def play_all(errands: Sequence[Errand]) -> Iterator[Played]:
    """First, one after another, what wants the machine for itself; then the others side by side.

    Each has a process of its own: some parts fork, and whoever forks must have no threads.
    """
    alone = [errand for errand in errands if errand.alone]
    others = sorted(set(errands) - set(alone), key=lambda errand: LONGEST_FIRST.index(errand.part))
    for some, at_once in ((alone, 1), (others, SIDE_BY_SIDE)):
        with ProcessPoolExecutor(at_once, mp_context=get_context("spawn")) as pool:
            for done in as_completed([pool.submit(play, errand) for errand in some]):
                yield done.result()


def _say(played: Played) -> None:
    verdict = "holds" if played.holds else "BROKEN"
    print(f"{played.errand.name} {verdict} ({played.seconds:.0f} s)", flush=True)
    for result in played.results:
        for line in trouble(result):
            print(f"  {result.fault} {result.column}: {line}", flush=True)
