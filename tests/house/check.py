"""Holds the tree against the rules, none of which may be broken anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.house import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
    rules.tuple_asserts,
)


def all_faults(sources: Iterable[Source]) -> Iterator[Fault]:
    """Every place that breaks a rule; the rule about types is for the product alone."""
    sources = list(sources)
    for source in sources:
        for rule in RULES:
            yield from rule(source)
    yield from rules.doubled_types(source for source in sources if source.path.startswith(PRODUCT))
