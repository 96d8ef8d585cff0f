"""Every move of the state machine has its constructor, which sets exactly its columns; nothing else writes a state."""

from __future__ import annotations

import ast
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import ClauseElement, literal, true, update

from models import FINAL, MOVES, Operation, State
from run import ROOT
from tests.factory import MOMENT
from tests.outbox.steps import make, read
from worker.outbox import moves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.outbox import Database

AT, EARLIER, LATER = MOMENT, MOMENT - timedelta(hours=1), MOMENT + timedelta(hours=1)

# A row that has been through everything, so that each column which a move must reset is seen to be reset.
WORN: dict[str, Any] = {
    "attempt": 2,
    "failures": 3,
    "next_attempt_at": EARLIER,
    "first_claimed_at": EARLIER,
    "answer": "old",
    "error_code": "unanswered",
    "error_detail": "old",
    "look_ups": 4,
    "looked_up_at": EARLIER,
    "doubt_since": EARLIER,
    "absent_since": EARLIER,
    "send_again_until": EARLIER,
    "accepted": True,
    "cancel_asked": True,
    "needs_person": True,
    "revision": {"payload_hash": "new"},
    "reported_at": EARLIER,
}
UNREPORTED = {"reported_at": None}
CLEAN = UNREPORTED | {
    "error_code": None,
    "error_detail": None,
    "needs_person": False,
    "cancel_asked": False,
    "accepted": False,
    "doubt_since": None,
    "absent_since": None,
    "send_again_until": None,
}
BEGUN_AGAIN = CLEAN | {
    "finalized_at": None,
    "next_attempt_at": LATER,
    "parent_done": True,
    "failures": 0,
    "look_ups": 0,
    "looked_up_at": None,
    "answer": None,
}
EXAMPLES: dict[str, tuple[moves.Columns, dict[str, Any]]] = {
    "claimed": (
        moves.claimed(7),
        {
            "state": State.IN_FLIGHT,
            "attempt": 3,
            "claimed_by": 7,
            "claimed_at": AT,
            "first_claimed_at": EARLIER,
            "absent_since": None,
            "send_again_until": None,
        },
    ),
    "succeeded": (
        moves.succeeded("R1", code="acted_twice", needs_person=True),
        CLEAN
        | {
            "state": State.SUCCEEDED,
            "acted_at": AT,
            "remote_id": "R1",
            "error_code": "acted_twice",
            "needs_person": True,
            "finalized_at": AT,
        },
    ),
    "retryable": (
        moves.retryable(LATER, "throttled", "later"),
        CLEAN
        | {
            "state": State.RETRYABLE,
            "next_attempt_at": LATER,
            "error_code": "throttled",
            "error_detail": "later",
        },
    ),
    "resend_permitted": (
        moves.resend_permitted(LATER, "absent"),
        UNREPORTED
        | {
            "state": State.RETRYABLE,
            "next_attempt_at": AT,
            "error_detail": "absent",
            "doubt_since": None,
            "send_again_until": LATER,
        },
    ),
    "sent_again": (moves.sent_again(LATER, true()), BEGUN_AGAIN | {"state": State.RETRYABLE}),
    "in_doubt": (
        moves.in_doubt(LATER, "unreadable_answer", "cut", accepted=true(), needs_person=False),
        UNREPORTED
        | {
            "state": State.IN_DOUBT,
            "next_attempt_at": LATER,
            "acted_at": AT,
            "accepted": True,
            "error_code": "unreadable_answer",
            "error_detail": "cut",
            "needs_person": False,
            "doubt_since": AT,
            "absent_since": None,
            "send_again_until": None,
        },
    ),
    "still_in_doubt": (
        moves.still_in_doubt("unclear", absent=False, needs_person=True),
        UNREPORTED
        | {
            "state": State.IN_DOUBT,
            "error_detail": "unclear",
            "doubt_since": EARLIER,
            "absent_since": None,
            "send_again_until": None,
            "needs_person": True,
        },
    ),
    "failed": (
        moves.failed("refused", "no"),
        CLEAN | {"state": State.FAILED, "error_code": "refused", "error_detail": "no", "finalized_at": AT},
    ),
    "orphaned": (
        moves.orphaned(),
        CLEAN | {"state": State.FAILED, "error_code": "parent_failed", "finalized_at": AT},
    ),
    "cancelled": (moves.cancelled(), CLEAN | {"state": State.CANCELLED, "finalized_at": AT}),
    "called_off": (moves.called_off(), CLEAN | {"state": State.CANCELLED, "finalized_at": AT, "revision": None}),
    "expired": (moves.expired(), CLEAN | {"state": State.EXPIRED, "error_code": "expired", "finalized_at": AT}),
    "requeued": (moves.requeued(LATER, true()), BEGUN_AGAIN | {"state": State.PENDING}),
    "mended": (
        moves.mended(LATER, true()),
        BEGUN_AGAIN | {"state": State.PENDING, "revision": None, "first_claimed_at": None},
    ),
}
ENDS = ("succeeded", "retryable", "in_doubt", "failed", "cancelled")


def test_the_moves_are_those_of_the_state_machine() -> None:
    made = {
        (source, EXAMPLES[move.__name__][0]["state"])
        for move, sources in moves.MOVES_FROM.items()
        for source in sources
    }
    assert made == {(move.source, move.target) for move in MOVES if move.source is not None}


def test_a_new_operation_is_pending() -> None:
    assert [move.target for move in MOVES if move.source is None] == [State.PENDING]
    default: Any = Operation.__table__.c.state.server_default
    assert default.arg == State.PENDING.value


def test_every_constructor_has_an_example() -> None:
    assert {move.__name__ for move in moves.MOVES_FROM} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_move_sets_exactly_its_columns(name: str) -> None:
    columns, changes = EXAMPLES[name]
    assert set(columns) == set(changes)


def worn(db: Database, state: State) -> int:
    """Make an operation in this state that has used all its other columns."""
    implied: dict[str, Any] = {"finalized_at": EARLIER if state in FINAL else None}
    # Of this kind several may have the same remote id.
    return make(db, state, kind="order_token", history=False, remote_id=None, acted_at=None, **WORN, **implied)


def moved(db: Database, state: State, columns: moves.Columns) -> tuple[dict[str, Any], dict[str, Any]]:
    """Apply the columns to a worn row of this state; returns the row before and after."""
    id_ = worn(db, state)
    before = read(db, id_)._asdict()
    with db.write() as connection:
        connection.execute(update(Operation).where(Operation.id == id_).values(columns))
    return before, read(db, id_)._asdict()


@pytest.mark.parametrize("move", moves.MOVES_FROM, ids=lambda move: move.__name__)
def test_a_worn_row_keeps_nothing_that_a_move_resets(db: Database, move: Any) -> None:
    columns, changes = EXAMPLES[move.__name__]
    for source in moves.MOVES_FROM[move]:
        expected, final = dict(changes), columns
        if source is State.IN_FLIGHT:
            final = columns | moves.attempt_ended(1, "R1", "new")
            expected |= {"claimed_by": None, "claimed_at": None, "failures": 4, "remote_id": "R1", "answer": "new"}
        before, after = moved(db, source, final)
        assert after == before | expected, f"from {source}"


@pytest.mark.parametrize("target", [EXAMPLES[name][0]["state"] for name in ENDS])
def test_a_move_chosen_by_target_sets_the_same(db: Database, target: State) -> None:
    types = Operation.metadata.tables["operations"].c
    ends = [
        {
            name: value if name == "state" or isinstance(value, ClauseElement) else literal(value, types[name].type)
            for name, value in EXAMPLES[end][0].items()
        }
        for end in ENDS
    ]
    ended = moves.attempt_ended(1, None, None)
    (alone,) = (columns for columns in ends if columns["state"] is target)
    _, expected = moved(db, State.IN_FLIGHT, alone | ended)
    _, after = moved(db, State.IN_FLIGHT, moves.by_target(literal(target.value), ends) | ended)
    own = ("id", "source_id", "payload_hash", "claimed_by")
    assert {name: after[name] for name in after if name not in own} == {
        name: expected[name] for name in expected if name not in own
    }


def writes_state(tree: ast.AST) -> Iterator[int]:
    """Lines that give the column `state` a value. A JSON document holds the state's word (`.value`), or its type."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("values"):
            yield from (keyword.value.lineno for keyword in node.keywords if keyword.arg == "state")
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                names_state = isinstance(key, ast.Constant) and key.value == "state"
                if names_state and not ast.unparse(value).endswith((".value", "Text()")):
                    yield value.lineno
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and ast.unparse(node.slice) == "'state'":
            yield node.lineno
        if isinstance(node, ast.Constant) and "set state" in str(node.value).casefold():
            yield node.lineno


OF_CRM_ROWS = {"crm_rows.py", "write_back.py"}
"""The modules that write the state which a row of `crm_rows` shows."""


def test_no_other_module_writes_a_state() -> None:
    files = {path for path in (ROOT / "worker" / "outbox").rglob("*.py") if path.name not in {"moves.py", *OF_CRM_ROWS}}
    places = {f"{path.name}:{line}" for path in files for line in writes_state(ast.parse(path.read_text("utf-8")))}
    assert places == set()


@pytest.mark.parametrize(
    "code",
    [
        "update(Operation).values(state=State.FAILED)",
        "update(Operation).values({**columns, 'state': target})",
        "columns['state'] = State.FAILED",
        "connection.exec_driver_sql('UPDATE operations SET state = 1')",
    ],
)
def test_a_module_that_writes_a_state_is_noticed(code: str) -> None:
    assert list(writes_state(ast.parse(code))) == [1]
