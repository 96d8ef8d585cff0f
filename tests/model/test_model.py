"""The protocol has no history in which anything goes wrong, and every mutant of it has one."""

from dataclasses import replace

import pytest

from run import ROOT
from tests.model.mutants import MUTANTS, SOUND, TWICE, Mutant, caught, sound
from tests.model.page import page
from tests.model.search import explore
from tests.model.words import Rules


@pytest.mark.parametrize(("size", "rules"), SOUND, ids=[size for size, _ in SOUND])
def test_in_every_history_nothing_is_done_twice_or_forgotten(size: str, rules: Rules) -> None:
    seen = sound(rules)
    assert seen.complete
    assert seen.found is None
    # A model that can do next to nothing would be sound too.
    assert seen.worlds > 5_000


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_protocol_without_the_guard_is_found_out(mutant: Mutant) -> None:
    found = caught(mutant)
    assert found is not None
    assert mutant.only in {None, found.what}


@pytest.mark.parametrize("rules", [Rules(rescue_raises_token=False), Rules(compares_lease=False)])
def test_two_guards_stand_twice(rules: Rules) -> None:
    """Each alone is not missed; that both are is one of the mutants."""
    assert explore(rules).found is None


@pytest.mark.parametrize("late", [0, 1, 2])
def test_it_is_the_sum_that_counts(late: int) -> None:
    """How late Vitec may act, and how long until every look-up shows it: together at most quiet time and gap."""
    within = Rules(attempts=2, late=late, stale=3 - late)
    assert within.late + within.stale == within.quiet + within.gap
    assert explore(within).found is None
    assert explore(replace(within, stale=within.stale + 1), only=TWICE).found is not None


def test_the_protocol_can_do_its_work() -> None:
    """The searches would also find nothing if no request were ever sent again."""
    without = replace(Rules(), attempts=1)
    assert sound(Rules()).worlds > 3 * sound(without).worlds


def test_the_page_shows_what_the_model_finds() -> None:
    """`python -m tests.model --page` prints what belongs between the two marks."""
    shown = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    _, _, rest = shown.partition("<!-- the model -->\n")
    assert rest.partition("<!-- end of the model -->")[0].strip() == page()
