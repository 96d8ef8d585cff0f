"""Remote ids that come more than once: each operation succeeds, and all but the first say so (guards of rule 28)."""

from dataclasses import replace

import pytest

from models import State
from tests.clock import FixedClock
from tests.outbox.exchange.test_late_answers import overtaken
from tests.outbox.scene import QUIET, THERE, Scene
from tests.outbox.steps import SUCCESS, begin, claim, done, entries, make, read, settle
from worker.decide import RetryPolicy, decide
from worker.kinds import KINDS
from worker.outbox import Database
from worker.outbox.exchange.settle import REPEATED_ID
from worker.outcome import Succeeded

OWN = replace(SUCCESS, id_is_unique=True)
"""A success with the id R1, of a kind with ids that should be unique."""


def settle_next(db: Database, *settlements: object, kind: str = "comeback") -> list[int]:
    """Make operations, claim them, and settle them so in one exchange."""
    for _ in settlements:
        make(db, kind=kind)
    turn = begin(db, kind)
    claimed = claim(db, turn).claimed
    settle(db, turn, [done(row, settlement) for row, settlement in zip(claimed, settlements, strict=True)])  # type: ignore[arg-type]
    return [row.id for row in claimed]


def codes(db: Database, ids: list[int]) -> list[str | None]:
    """Read the error codes, after a look that each has succeeded and waits for no person."""
    rows = [read(db, id_) for id_ in ids]
    assert {row.state for row in rows} == {State.SUCCEEDED}
    assert not any(row.needs_person for row in rows)
    return [row.error_code for row in rows]


def test_an_id_that_came_before_is_flagged(db: Database) -> None:
    make(db, State.SUCCEEDED, remote_id="R1")
    (id_,) = settle_next(db, OWN)
    assert codes(db, [id_]) == [REPEATED_ID]
    assert read(db, id_).remote_id == "R1"
    assert entries(db, id_)[-1].code is None


def test_ids_that_come_together_are_flagged_but_the_first(db: Database) -> None:
    ids = settle_next(db, OWN, replace(OWN, remote_id="R2"), OWN, OWN)
    assert codes(db, ids) == [None, None, REPEATED_ID, REPEATED_ID]


@pytest.mark.parametrize("columns", [{"customer_id": "M2"}, {"kind": "appointment"}])
def test_the_same_id_elsewhere_is_no_repetition(db: Database, columns: dict[str, str]) -> None:
    make(db, State.SUCCEEDED, remote_id="R1", **columns)
    assert codes(db, settle_next(db, OWN)) == [None]


def test_a_kind_without_unique_ids_is_not_flagged(db: Database) -> None:
    make(db, State.SUCCEEDED, kind="order_token", remote_id="R1")
    assert codes(db, settle_next(db, SUCCESS, SUCCESS, kind="order_token")) == [None, None]


def test_only_the_order_token_has_ids_that_come_again() -> None:
    policy = RetryPolicy()
    unique = {kind.kind: decide(Succeeded("R1"), policy.facts(kind, 0, 3)).id_is_unique for kind in KINDS}
    assert [name for name, is_unique in unique.items() if not is_unique] == ["order_token"]
    assert not decide(Succeeded(), policy.facts(KINDS[0], 0, 3)).id_is_unique


def test_a_late_success_with_a_known_id_is_flagged(db: Database, clock: FixedClock) -> None:
    turn, claimed = overtaken(db, clock)
    make(db, State.SUCCEEDED, remote_id="R1")
    settle(db, turn, [done(claimed, OWN)])
    assert codes(db, [claimed.id]) == [REPEATED_ID]


def test_a_look_up_that_shows_a_known_id_proves_nothing(scene: Scene, clock: FixedClock) -> None:
    """Its owner need not be one that reads back alike."""
    id_ = scene.doubtful(match_key="A")
    scene.make(State.SUCCEEDED, match_key="B", remote_id="R1")
    clock.advance(QUIET)
    scene.look_up(THERE)
    row = scene.row(id_)
    assert (row.state, row.remote_id) == (State.IN_DOUBT, None)
    assert row.error_detail == "it is there, but may be what another operation made"


def test_a_late_look_up_with_a_known_id_proves_nothing(scene: Scene, clock: FixedClock) -> None:
    id_ = scene.doubtful(match_key="A")
    scene.make(State.SUCCEEDED, match_key="B", remote_id="R1")
    clock.advance(QUIET)
    (doubtful,) = scene.exchange(want=5).look_ups
    scene.end(id_, State.CANCELLED)
    scene.bring(doubtful, THERE)
    assert scene.row(id_).state is State.CANCELLED


def test_a_rival_with_a_repeated_id_counts_as_nameless(scene: Scene, clock: FixedClock) -> None:
    """Which thing at Vitec is the rival's, its id does not tell: it may be the one that the look-up shows."""
    id_ = scene.doubtful(match_key="A")
    for match_key in ("A", "B"):
        scene.make(State.SUCCEEDED, match_key=match_key, remote_id="SAVED")
    clock.advance(QUIET)
    scene.look_up(THERE)
    assert scene.row(id_).state is State.IN_DOUBT
