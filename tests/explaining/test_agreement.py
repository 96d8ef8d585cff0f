"""What `explain` says and what a claim does are the same, whatever stands in the way, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.explaining.obstacles import LIMITS, OBSTACLES, SUBJECTS, alone, arrange, taken
from worker.explaining import Deed, explain

if TYPE_CHECKING:
    from worker.outbox import Database

WAITING = ("pending", "to be looked up")
"""Those with which all pairs of obstacles are tried; the others have some drawn for them."""


def disagreement(db: Database, subject: str, names: frozenset[str]) -> str | None:
    """Say how what is explained differs from what is claimed; None: it does not."""
    limited, made = arrange(db, subject, names)
    told = explain(limited, made, LIMITS)
    assert told is not None
    happened = taken(limited, made)
    sent, looked_up = made in happened.sent, made in happened.looked_up
    said_sent = told.next.now and told.next.deed is Deed.SENT
    said_looked_up = told.next.now and told.next.deed is Deed.LOOKED_UP
    if told.next.deed in {Deed.EXPIRED, Deed.FAILED}:
        # Housekeeping will end it; until it comes round, Vitec may still be asked about old leave.
        looked_up = said_looked_up
    if (said_sent, said_looked_up, not told.reasons) == (sent, looked_up, sent):
        return None
    return f"{subject} with {sorted(names)}: {told.reasons}, {told.next}, but {happened}"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_nothing_is_in_the_way_exactly_if_the_next_claim_takes_it(db: Database, subject: str) -> None:
    found = [disagreement(db, subject, names) for names in (frozenset(), *map(frozenset, zip(OBSTACLES)))]
    assert [one for one in found if one] == []


@pytest.mark.parametrize("first", OBSTACLES)
def test_two_obstacles_at_once_do_not_hide_each_other(db: Database, first: str) -> None:
    pairs = [frozenset({first, second}) for second in OBSTACLES[OBSTACLES.index(first) + 1 :]]
    found = [disagreement(db, subject, names) for subject in WAITING for names in pairs if alone(names)]
    assert [one for one in found if one] == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(SUBJECTS)), st.sets(st.sampled_from(OBSTACLES), min_size=2).map(frozenset).filter(alone))
def test_nor_do_many_obstacles_at_once(db: Database, subject: str, names: frozenset[str]) -> None:
    assert disagreement(db, subject, names) is None


def test_a_quiet_outbox_leaves_nothing_in_the_way(db: Database) -> None:
    """The comparison is not an empty one: there is something that is sent, and something that is looked up."""
    for subject, expected in (("pending", Deed.SENT), ("to be looked up", Deed.LOOKED_UP)):
        limited, made = arrange(db, subject, frozenset())
        told = explain(limited, made, LIMITS)
        assert told is not None
        assert (told.next.deed, told.next.now) == (expected, True)
        happened = taken(limited, made)
        assert (happened.sent, happened.looked_up) == (((made,), ()) if expected is Deed.SENT else ((), (made,)))
