"""Holds the tree against the rules: forbidden outright, or up to a ceiling that only falls."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from tests.house import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tests.house.rules import Fault
    from tests.house.source import Source

PRODUCT = ("worker", "models", "migrations")
FOLDERS = (*PRODUCT, "tests", "bench")

RULES: tuple[Callable[[Source], Iterator[Fault]], ...] = (
    rules.long_files,
    rules.long_functions,
    rules.empty_names,
    rules.relative_openers,
    rules.missing_subjects,
    rules.long_test_names,
)

# How many faults of a rule a folder may still have: none where nothing is written. Only ever lowered.
CEILINGS: Mapping[tuple[str, str], int] = {
    ("bench", "empty name"): 140,
    ("bench", "missing subject"): 10,
    ("bench", "relative opener"): 42,
    ("migrations", "empty name"): 1,
    ("migrations", "missing subject"): 2,
    ("migrations", "relative opener"): 1,
    ("models", "empty name"): 1,
    ("models", "missing subject"): 3,
    ("models", "relative opener"): 11,
    ("models", "type with two homes"): 1,
    ("tests", "empty name"): 487,
    ("tests", "long file"): 2,
    ("tests", "long test name"): 294,
    ("tests", "missing subject"): 75,
    ("tests", "relative opener"): 142,
    ("worker", "empty name"): 579,
    ("worker", "long file"): 2,
    ("worker", "missing subject"): 116,
    ("worker", "relative opener"): 219,
    ("worker", "type with two homes"): 20,
}


def all_faults(sources: Iterable[Source]) -> Iterator[Fault]:
    """Every place that breaks a rule, allowed or not."""
    sources = list(sources)
    for source in sources:
        for rule in RULES:
            yield from rule(source)
    yield from rules.doubled_types(source for source in sources if source.top in PRODUCT)


def faults_above(sources: Iterable[Source], ceilings: Mapping[tuple[str, str], int] = CEILINGS) -> list[Fault]:
    """The faults of every folder and rule that has more of them than its ceiling."""
    groups: defaultdict[tuple[str, str], list[Fault]] = defaultdict(list)
    for fault in all_faults(sources):
        groups[fault.path.partition("/")[0], fault.rule].append(fault)
    return [fault for place, faults in groups.items() if len(faults) > ceilings.get(place, 0) for fault in faults]


def slack(sources: Iterable[Source], ceilings: Mapping[tuple[str, str], int] = CEILINGS) -> list[str]:
    """The ceilings that may be lowered, each with the number that it can have."""
    counts = Counter((fault.path.partition("/")[0], fault.rule) for fault in all_faults(sources))
    return [
        f"{folder}, {rule}: {counts[folder, rule]} instead of {ceiling}"
        for (folder, rule), ceiling in ceilings.items()
        if counts[folder, rule] < ceiling
    ]
