"""Fairness: how long 10,000 small customers wait while a few have a million rows. `python3 run.py bench --fairness`.

Simulated, since it is about days; `bench.fairness_real` sets a small part of it beside a real worker.
"""

from __future__ import annotations

import multiprocessing
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.simulated.lanes import Batch, Lane
from bench.simulated.rules import SHIPPED, Costs, Rules
from bench.simulated.world import World
from worker.kinds import KINDS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

NAMES = tuple(kind.kind for kind in KINDS)
ROWS = 3
"""Rows of a small customer."""

ONE_MILLION = (("comeback", 1_000_000), *[("comeback", 100_000)] * 3, *[("appointment", 100_000)] * 3)
TWO_KINDS = (*[("appointment", 200_000)] * 10, *[("comeback", 200_000)] * 10)


@dataclass(frozen=True, slots=True)
class Load:
    """Who wants what: big customers from the start, and small ones of all kinds, `share` of the pace (0: all at once).

    `measured` is the kind of the small ones; None: each of any kind, by chance.
    """

    title: str
    small: int
    big: Sequence[tuple[str, int]] = ONE_MILLION
    share: float = 0.1
    measured: str | None = None
    seconds: float | None = None
    """For how long; None: as long as the small ones should take, and half as long again."""


@dataclass(frozen=True, slots=True)
class Found:
    """Waits of the small customers, by kind, in seconds from their rows' coming to the last one's request.

    Who has not been served by the end counts with the wait so far (`unserved` of them).
    """

    waits: dict[str, list[float]]
    unserved: int
    used: float
    """Requests sent, as a share of what the pace allows."""
    wasted: float
    """Slots that were reserved and not used, as a share of all."""

    @property
    def all(self) -> list[float]:
        return [wait for waits in self.waits.values() for wait in waits]


def play(load: Load, rules: Rules, costs: Costs | None = None, seed: int = 1) -> Found:
    """Let the load come, until the small customers are served or time is up."""
    world, chance = World(rules, costs, seed), random.Random(seed)
    world.enqueue([(Lane(-1 - number, kind), _rows(count)) for number, (kind, count) in enumerate(load.big)])
    span = load.small * ROWS / (rules.rate * load.share) if load.share else 0.0
    small = [(Lane(number, load.measured or chance.choice(NAMES)), _rows(ROWS)) for number in range(load.small)]
    if load.share:
        for one in small:
            world.time.at(chance.uniform(0, span), lambda one=one: world.enqueue([one]))  # type: ignore[misc]
    else:
        world.enqueue(small)
    until = load.seconds or 1.5 * max(span, load.small * ROWS / rules.rate * 2)
    world.time.run(until, lambda: world.ended >= load.small)
    now = world.time.now
    waits: dict[str, list[float]] = {}
    for lane, batch in small:
        if batch.came >= 0:
            waits.setdefault(lane.kind, []).append((now if batch.ended is None else batch.ended) - batch.came)
    unserved = sum(batch.ended is None and batch.came >= 0 for _, batch in small)
    wasted = 1 - world.sent / world.pace.given if world.pace.given else 0.0
    return Found(waits, unserved, world.sent / (rules.rate * now), wasted)


def _rows(count: int) -> Batch:
    return Batch(-1.0, count, count)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(frozen=True, slots=True)
class Case:
    """A line of the report."""

    about: str
    load: Load
    rules: Rules
    costs: Costs


def cases(small: int) -> Iterator[Case]:
    """All that is told: paces and children; all at once; where a rule is missing, without it and with it."""
    day = Load("a tenth of the pace is theirs", small)
    yield _case(replace(day, small=10 * small), Rules(kinds_in_turn=False), "kinds one after another, all customers: ")
    yield _case(replace(day, small=10 * small), Rules(), "shipped, all customers: ")
    for rate, in_flight in ((SHIPPED.vitec_requests_per_second, SHIPPED.vitec_in_flight), (50.0, 20), (500.0, 100)):
        for children in (2, 4, 16):
            yield _case(day, Rules(rate, in_flight, children))
    at_once = Load("all at the same moment", 10 * small, share=0.0)
    for more, rules in (
        ("kinds one after another: ", Rules(kinds_in_turn=False)),
        ("", Rules()),
        ("slots for free threads: ", Rules(frugal=False)),
    ):
        yield _case(at_once, rules, more)
    kinds = replace(day, big=TWO_KINDS, title="20 customers of two kinds have 200,000 rows each")
    for children in (2, 4):
        yield _case(kinds, Rules(children=children, kinds_in_turn=False), "kinds one after another: ")
        yield _case(kinds, Rules(children=children), "kinds in turn: ")
    for rules in (Rules(500.0, 100, 4, frugal=False), Rules(500.0, 100, 4, frugal=True)):
        yield _case(day, rules, "slots for rows that are ready: " if rules.frugal else "slots for free threads: ")
    slow = replace(day, title="an answer takes 1 s", share=0.05)
    for share in (False, True):
        about = "room is shared: " if share else "room is for who asks first: "
        yield _case(slow, Rules(children=4, share=share), about, Costs(answer=1.0))
    for count in (10, 100):
        busy = Load(
            f"{count} busy lanes of one kind", small // 10, (("comeback", 100_000),) * count, 0.01, "comeback", 3600
        )
        yield _case(busy, Rules(children=2, ring_per_lane=True), "a ring per lane: ")
        yield _case(busy, Rules(children=2), "a ring per kind: ")


def _case(load: Load, rules: Rules, about: str = "", costs: Costs = Costs()) -> Case:  # noqa: B008 (frozen)
    return Case(
        f"{about}{rules.rate:g}/s, {rules.in_flight} in flight, {rules.children} children; {load.title}",
        load,
        rules,
        costs,
    )


def _played(case: Case) -> Found:
    return play(case.load, case.rules, case.costs)


def tell(small: int) -> None:
    """Play all cases and print the report in Markdown, a line as soon as it is known."""
    print("| waiting, s: | p50 | p99 | max | unserved | worst kind, p99 | pace used | slots lost |")
    print("| --- | --: | --: | --: | --: | --- | --: | --: |", flush=True)
    every = list(cases(small))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for case, found in zip(every, pool.imap(_played, every), strict=True):
            print(line(case, found), flush=True)


def line(case: Case, found: Found) -> str:
    """One line of the table."""
    waits = found.all
    p50, p99, worst = (f"{quantile(waits, share):.1f}" for share in (0.5, 0.99, 1.0))
    by_kind = {kind: quantile(values, 0.99) for kind, values in found.waits.items()}
    kind = max(by_kind, key=lambda name: by_kind[name])
    return (
        f"| {case.about} | {p50} | {p99} | {worst} | {found.unserved} of {len(waits)} "
        f"| {kind} {by_kind[kind]:.0f} | {found.used:.0%} | {found.wasted:.0%} |"
    )


def run(chosen: argparse.Namespace) -> int:
    """Print the simulation's report, and a small part of it beside a real worker."""
    from bench.fairness_real import lines

    tell(100 if chosen.quick else 1_000)
    for text in lines():
        print(text, flush=True)
    return 0
