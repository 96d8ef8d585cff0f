"""The parts of a run, how much of each is done, and which of them can be done side by side."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.chaos import answers, brokers, clock_steps, killing, outages, points, restarts, secrets_kept
from tests.chaos.result import Result, list_problems
from tests.chaos.stage import open_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.chaos.stage import Site


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of each part is run."""

    operations: int
    points: int
    sample: tuple[tuple[str, str], ...]
    faults: int
    load: int
    flush_every: float
    outage: float
    restarts: int
    rolling: int


LONG = Extent(10_000, 300, killing.EVERY_POINT, 200, 2_000, 10, 180, 20, 50)
SHORT = Extent(200, 30, (("after_last_byte", "kill"), ("before_first_byte", "freeze")), 20, 200, 2, 8, 3, 3)
SHARE = Extent(60, 3, (), 5, 80, 2, 3, 1, 1)
EXTENTS = {"long": LONG, "short": SHORT, "share": SHARE}

PARTS: dict[str, Callable[[Site, Extent], list[Result]]] = {
    "G1": lambda site, extent: killing.run(site, extent.operations),
    "G2": lambda site, extent: points.run(site, extent.points) + killing.run_sample(site, extent.sample),
    "G3": lambda site, extent: answers.run(site, extent.faults),
    "G4": lambda site, extent: brokers.run(site, count=extent.load, every=extent.flush_every, outage=extent.outage),
    "G5": lambda site, extent: restarts.restart_postgres(
        site, count=min(5_000, extent.restarts * 250), restarts=extent.restarts
    ),
    "G6": lambda site, extent: brokers.messages(site, min(200, extent.load)),
    "G7": lambda site, extent: restarts.restart_workers(site, restarts=extent.rolling),
    "G9": lambda site, _: secrets_kept.run(site),
    "G10": lambda site, extent: outages.run(site, count=min(200, extent.load)),
    "G11": lambda site, extent: clock_steps.run(site, count=min(200, extent.load // 8)),
}

DATABASES = ("postgresql", "sqlite")
NO_SERVER = {"G5", "G11"}
"""Parts that have no meaning where the database is a file."""

OUTLIVES_POWER = {"G1", "G5"}
"""Parts in which PostgreSQL keeps every commit even if it is killed. In the others it is never killed."""

LONGEST_FIRST = ("G7", "G4", "G1", "G9", "G11", "G10", "G5", "G6")
SIDE_BY_SIDE = 3


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """One part to be run, on one database."""

    part: str
    database: str
    extent: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.part} on {'SQLite' if self.database == 'sqlite' else 'PostgreSQL'}"

    @property
    def wants_machine(self) -> bool:
        """Whether it needs the whole machine. Other parts mostly wait, and so run side by side."""
        return self.part in {"G2", "G3"} or (self.part == "G1" and self.extent != "share")


@dataclass(frozen=True, slots=True)
class Played:
    """The results of a part, and how many seconds it took."""

    planned: PlannedPart
    results: tuple[Result, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        return all(result.holds for result in self.results)


def play_part(planned: PlannedPart) -> Played:
    """Run one part on servers of its own; an exception that ends it is a result too."""
    began = time.monotonic()
    try:
        with open_site(planned.seed, planned.database, durable=planned.part in OUTLIVES_POWER) as servers:
            results = PARTS[planned.part](servers, EXTENTS[planned.extent])
    except Exception as error:  # noqa: BLE001 (the other parts are still to be run)
        results = [Result(planned.part, "the run itself", 0, 0, problems=(f"{type(error).__name__}: {error}",))]
    played = Played(planned, tuple(results), time.monotonic() - began)
    _print_outcome(played)
    return played


def play_parts(planned_parts: Sequence[PlannedPart]) -> Iterator[Played]:
    """Run the parts that want the machine for themselves, one after another; then the others side by side.

    Each has a process of its own: some parts fork, and a process that forks must have no threads.
    """
    alone = [planned for planned in planned_parts if planned.wants_machine]
    sharing = sorted(set(planned_parts) - set(alone), key=lambda planned: LONGEST_FIRST.index(planned.part))
    for group, at_once in ((alone, 1), (sharing, SIDE_BY_SIDE)):
        with ProcessPoolExecutor(at_once, mp_context=get_context("spawn")) as pool:
            for future in as_completed([pool.submit(play_part, planned) for planned in group]):
                yield future.result()


def _print_outcome(played: Played) -> None:
    verdict = "holds" if played.holds else "BROKEN"
    print(f"{played.planned.name} {verdict} ({played.seconds:.0f} s)", flush=True)
    for result in played.results:
        for line in list_problems(result):
            print(f"  {result.fault} {result.column}: {line}", flush=True)
