"""Holds the tree against the rules: forbidden outright, or up to a ceiling that is only ever lowered."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

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
    rules.tuple_asserts,
)


def words(source: Source) -> int:
    """Count the words of a file's docstrings and comments."""
    return sum(len(passage.text.split()) for passage in source.prose)


def names(source: Source) -> int:
    """Count how often a file binds a name."""
    return sum(1 for _ in rules.bound_names(source))


# Rules of which a few in a thousand may break: of so many names, or words.
PER_THOUSAND: Mapping[str, Callable[[Source], int]] = {
    "empty name": names,
    "relative opener": words,
    "missing subject": words,
}

# How many faults may stand, in a thousand for the rules above. A rule that is not named for a part allows none.
CEILINGS: Mapping[tuple[str, str], float] = {
    ("product", "empty name"): 60,
    ("product", "relative opener"): 5,
    ("product", "missing subject"): 4,
    ("product", "long file"): 3,
    ("tests", "empty name"): 30,
    ("tests", "relative opener"): 5,
    ("tests", "missing subject"): 4,
    ("tests", "long file"): 3,
}


class Standing(NamedTuple):
    """How one part of the tree stands to one rule: `figure` is to be held against `ceiling`."""

    part: str
    rule: str
    figure: float
    ceiling: float
    faults: list[Fault]

    @property
    def is_kept(self) -> bool:
        return self.figure <= self.ceiling

    def __str__(self) -> str:
        unit = " in 1,000" if self.rule in PER_THOUSAND else ""
        return f"{self.part}, {self.rule}: {self.figure:.3g}{unit}, at most {self.ceiling:g}"


def all_faults(sources: Iterable[Source]) -> Iterator[Fault]:
    """Every place that breaks a rule, allowed or not."""
    sources = list(sources)
    for source in sources:
        for rule in RULES:
            yield from rule(source)
    yield from rules.doubled_types(source for source in sources if part_of(source.path) == "product")


def standings(sources: Iterable[Source], ceilings: Mapping[tuple[str, str], float] = CEILINGS) -> list[Standing]:
    """How every part of the tree stands to every rule that it breaks anywhere."""
    sources = list(sources)
    groups: defaultdict[tuple[str, str], list[Fault]] = defaultdict(list)
    for fault in all_faults(sources):
        groups[part_of(fault.path), fault.rule].append(fault)
    result = []
    for (part, rule), faults in groups.items():
        figure: float = len(faults)
        if rule in PER_THOUSAND:
            figure *= 1000 / sum(PER_THOUSAND[rule](source) for source in sources if part_of(source.path) == part)
        result.append(Standing(part, rule, figure, ceilings.get((part, rule), 0), faults))
    return result


def part_of(path: str) -> str:
    """The part of the tree that a ceiling is for: `product`, `tests` or `bench`."""
    folder = path.partition("/")[0]
    return "product" if folder in PRODUCT else folder
