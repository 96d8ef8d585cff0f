"""Fairness: how long 10,000 small customers wait while a few have a million rows. `python3 run.py bench --fairness`.

Simulated, since it is about days; `bench.fairness_real` sets a small part of it beside a real worker.
"""

from __future__ import annotations

import multiprocessing
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.fairness_real import ROWS, compare
from bench.simulated.lanes import Batch, Lane
from bench.simulated.rules import SHIPPED, Costs, Rules
from bench.simulated.world import World
from bench.table import quantile
from worker.kinds import KINDS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

NAMES = tuple(kind.kind for kind in KINDS)
ONE_MILLION = (("comeback", 1_000_000), *[("comeback", 100_000)] * 3, *[("appointment", 100_000)] * 3)
TWO_KINDS = (*[("appointment", 200_000)] * 10, *[("comeback", 200_000)] * 10)


@dataclass(frozen=True, slots=True)
class Load:
    """The rows of big customers from the start, and of small ones of all kinds at `share` of the rate (0: all at once).

    `measured` is the kind of the small customers; None: each of any kind, by chance.
    """

    title: str
    small: int
    big: Sequence[tuple[str, int]] = ONE_MILLION
    share: float = 0.1
    measured: str | None = None
    seconds: float | None = None
    """Seconds to simulate; None: as long as the small customers should take, and half as long again."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Waits of the small customers, by kind, in seconds from the arrival of their rows to the last row's request.

    A customer not served by the end counts with the wait so far (`unserved` of them).
    """

    by_kind: dict[str, list[float]]
    unserved: int
    used: float
    """Requests sent, as a share of those that the rate limit allows."""
    wasted: float
    """Slots that were reserved and not used, as a share of all reserved."""

    @property
    def merged(self) -> list[float]:
        return [wait for waits in self.by_kind.values() for wait in waits]


def simulate_load(load: Load, rules: Rules, costs: Costs | None = None, seed: int = 1) -> Waits:
    """Simulate the load until the small customers are served or time is up."""
    world, chance = World(rules, costs, seed), random.Random(seed)
    world.enqueue([(Lane(-1 - number, kind), _make_batch(count)) for number, (kind, count) in enumerate(load.big)])
    span = load.small * ROWS / (rules.rate * load.share) if load.share else 0.0
    small = [(Lane(number, load.measured or chance.choice(NAMES)), _make_batch(ROWS)) for number in range(load.small)]
    if load.share:
        for arrival in small:
            world.time.at(chance.uniform(0, span), lambda arrival=arrival: world.enqueue([arrival]))  # type: ignore[misc]
    else:
        world.enqueue(small)
    until = load.seconds or 1.5 * max(span, load.small * ROWS / rules.rate * 2)
    world.time.run(until, lambda: world.ended_batches >= load.small)
    end = world.time.current
    waits: dict[str, list[float]] = {}
    for lane, batch in small:
        if batch.arrived_at >= 0:
            waits.setdefault(lane.kind, []).append(
                (end if batch.ended_at is None else batch.ended_at) - batch.arrived_at
            )
    unserved = sum(batch.ended_at is None and batch.arrived_at >= 0 for _, batch in small)
    wasted = 1 - world.sent / world.slot_reserver.given if world.slot_reserver.given else 0.0
    return Waits(waits, unserved, world.sent / (rules.rate * end), wasted)


def _make_batch(count: int) -> Batch:
    return Batch(-1.0, count, count)


@dataclass(frozen=True, slots=True)
class Case:
    """A line of the report."""

    about: str
    load: Load
    rules: Rules
    costs: Costs


def list_cases(small: int) -> Iterator[Case]:
    """List the cases of the report: rates and children; all at once; and each compared rule, without it and with it."""
    day = Load("a tenth of the rate is theirs", small)
    yield _make_case(
        replace(day, small=10 * small), Rules(kinds_in_turn=False), "kinds one after another, all customers: "
    )
    yield _make_case(replace(day, small=10 * small), Rules(), "shipped, all customers: ")
    for rate, in_flight in ((SHIPPED.vitec_requests_per_second, SHIPPED.vitec_in_flight), (50.0, 20), (500.0, 100)):
        for children in (2, 4, 16):
            yield _make_case(day, Rules(rate, in_flight, children))
    at_once = Load("all at the same moment", 10 * small, share=0.0)
    for about, rules in (
        ("kinds one after another: ", Rules(kinds_in_turn=False)),
        ("", Rules()),
        ("slots for free threads: ", Rules(frugal=False)),
    ):
        yield _make_case(at_once, rules, about)
    kinds = replace(day, big=TWO_KINDS, title="20 customers of two kinds have 200,000 rows each")
    for children in (2, 4):
        yield _make_case(kinds, Rules(children=children, kinds_in_turn=False), "kinds one after another: ")
        yield _make_case(kinds, Rules(children=children), "kinds in turn: ")
    for rules in (Rules(500.0, 100, 4, frugal=False), Rules(500.0, 100, 4, frugal=True)):
        yield _make_case(day, rules, "slots for rows that are ready: " if rules.frugal else "slots for free threads: ")
    slow = replace(day, title="an answer takes 1 s", share=0.05)
    for share in (False, True):
        about = "capacity is shared: " if share else "capacity is for the first to ask: "
        yield _make_case(slow, Rules(children=4, share=share), about, Costs(answer=1.0))
    for count in (10, 100):
        busy = Load(
            f"{count} busy lanes of one kind", small // 10, (("comeback", 100_000),) * count, 0.01, "comeback", 3600
        )
        yield _make_case(busy, Rules(children=2, ring_per_lane=True), "a ring per lane: ")
        yield _make_case(busy, Rules(children=2), "a ring per kind: ")


def _make_case(load: Load, rules: Rules, about: str = "", costs: Costs = Costs()) -> Case:  # noqa: B008 (frozen)
    return Case(
        f"{about}{rules.rate:g}/s, {rules.in_flight} in flight, {rules.children} children; {load.title}",
        load,
        rules,
        costs,
    )


def _simulate_case(case: Case) -> Waits:
    return simulate_load(case.load, case.rules, case.costs)


def print_report(small: int) -> None:
    """Simulate all cases and print the report in Markdown, each line as soon as it is known."""
    print("| waiting, s: | p50 | p99 | max | unserved | worst kind, p99 | rate used | slots lost |")
    print("| --- | --: | --: | --: | --: | --- | --: | --: |", flush=True)
    cases = list(list_cases(small))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for case, waits in zip(cases, pool.imap(_simulate_case, cases), strict=True):
            print(format_line(case, waits), flush=True)


def format_line(case: Case, waits: Waits) -> str:
    """Format one line of the table."""
    all_waits = waits.merged
    p50, p99, worst = (f"{quantile(all_waits, share):.1f}" for share in (0.5, 0.99, 1.0))
    by_kind = {kind: quantile(values, 0.99) for kind, values in waits.by_kind.items()}
    kind = max(by_kind, key=lambda name: by_kind[name])
    return (
        f"| {case.about} | {p50} | {p99} | {worst} | {waits.unserved} of {len(all_waits)} "
        f"| {kind} {by_kind[kind]:.0f} | {waits.used:.0%} | {waits.wasted:.0%} |"
    )


def run(options: argparse.Namespace) -> int:
    """Print the simulation's report, and a small part of it beside a real worker."""
    print_report(100 if options.quick else 1_000)
    for text in compare():
        print(text, flush=True)
    return 0
