"""`explain` and a claim agree, whatever stands in the way, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.explaining.obstacles import LIMITS, OBSTACLES, SUBJECTS, Claim, arrange, can_meet, next_claim
from worker.explaining import explain

if TYPE_CHECKING:
    from worker.outbox import Database

WAITING = ("pending", "to be looked up")
"""The subjects with which all pairs of obstacles are tried; all other subjects have some drawn for them."""


def disagreement(db: Database, subject: str, names: frozenset[str]) -> str | None:
    """Say how an explanation differs from the claim; None: it does not."""
    limited, operation_id = arrange(db, subject, names)
    explanation = explain(limited, operation_id, LIMITS)
    assert explanation is not None
    claim = next_claim(limited, operation_id)
    is_sent, is_looked_up = operation_id in claim.sent, operation_id in claim.looked_up
    step = explanation.next
    explained_sent, explained_looked_up = (step.is_now and step.action == action for action in ("sent", "looked_up"))
    if step.action in {"expired", "failed"}:
        # Housekeeping will end it; until it comes round, Vitec may still be asked about expired permission.
        is_looked_up = explained_looked_up
    if (explained_sent, explained_looked_up, not explanation.reasons) == (is_sent, is_looked_up, is_sent):
        return None
    return f"{subject} with {sorted(names)}: {explanation.reasons}, {step}, but {claim}"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_reason_exactly_if_the_next_claim_takes_it(db: Database, subject: str) -> None:
    disagreements = [disagreement(db, subject, names) for names in (frozenset(), *map(frozenset, zip(OBSTACLES)))]
    assert list(filter(None, disagreements)) == []


@pytest.mark.parametrize("first", OBSTACLES)
def test_two_obstacles_do_not_hide_each_other(db: Database, first: str) -> None:
    pairs = [frozenset({first, second}) for second in OBSTACLES[OBSTACLES.index(first) + 1 :]]
    disagreements = [disagreement(db, subject, names) for subject in WAITING for names in pairs if can_meet(names)]
    assert list(filter(None, disagreements)) == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(SUBJECTS)), st.sets(st.sampled_from(OBSTACLES), min_size=2).map(frozenset).filter(can_meet)
)
def test_many_obstacles_do_not_hide_each_other(db: Database, subject: str, names: frozenset[str]) -> None:
    assert disagreement(db, subject, names) is None


@pytest.mark.parametrize(("subject", "action"), [("pending", "sent"), ("to be looked up", "looked_up")])
def test_nothing_stands_in_the_way_in_a_quiet_database(db: Database, subject: str, action: str) -> None:
    """The comparison is not an empty one: there is an operation that is sent, and one that is looked up."""
    limited, operation_id = arrange(db, subject, frozenset())
    explanation = explain(limited, operation_id, LIMITS)
    assert explanation is not None
    assert explanation.next.action == action
    assert explanation.next.is_now
    claim = next_claim(limited, operation_id)
    assert claim == (Claim(sent=(operation_id,)) if action == "sent" else Claim(looked_up=(operation_id,)))
