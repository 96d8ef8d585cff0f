"""The protocol has no history in which anything goes wrong, and every mutant of it has one."""

from dataclasses import replace

import pytest

from run import ROOT
from tests.model.mutants import MUTANTS, SOUND, TWICE, Mutant, counterexample_of, search_protocol
from tests.model.page import page
from tests.model.search import explore
from tests.model.state import Rules


@pytest.mark.parametrize(("size", "rules"), SOUND, ids=[size for size, _ in SOUND])
def test_no_history_doubles_or_forgets_an_operation(size: str, rules: Rules) -> None:
    result = search_protocol(rules)
    assert result.complete
    assert result.counterexample is None
    # A model that can do next to nothing would be sound too.
    assert result.worlds > 5_000


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_each_mutant_is_caught(mutant: Mutant) -> None:
    counterexample = counterexample_of(mutant)
    assert counterexample is not None
    assert mutant.ends_in in {None, counterexample.violation}


@pytest.mark.parametrize("rules", [Rules(rescue_raises_token=False), Rules(compares_lease=False)])
def test_two_guards_stand_twice(rules: Rules) -> None:
    """Without one of the two the protocol is still sound; without both it is one of the mutants."""
    assert explore(rules).counterexample is None


@pytest.mark.parametrize("late", [0, 1, 2])
def test_the_limit_is_for_the_sum_of_delay_and_staleness(late: int) -> None:
    """The time within which Vitec acts, and the time until look-ups show it: together at most quiet time and gap."""
    at_the_limit = Rules(attempts=2, acts_within=late, shows_within=3 - late)
    assert at_the_limit.acts_within + at_the_limit.shows_within == at_the_limit.quiet + at_the_limit.gap
    assert explore(at_the_limit).counterexample is None
    assert (
        explore(replace(at_the_limit, shows_within=at_the_limit.shows_within + 1), only=TWICE).counterexample
        is not None
    )


def test_the_protocol_can_do_its_work() -> None:
    """The searches would also find nothing if no request were ever sent again."""
    without = replace(Rules(), attempts=1)
    assert search_protocol(Rules()).worlds > 3 * search_protocol(without).worlds


def test_the_page_shows_the_models_counterexamples() -> None:
    """`python -m tests.model --page` prints what belongs between the two marks."""
    shown = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    _, _, generated = shown.partition("<!-- the model -->\n")
    assert generated.partition("<!-- end of the model -->")[0].strip() == page()
