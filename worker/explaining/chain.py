"""The chain of reasons that keep an operation from being sent, in the order in which they must fall away. Pure."""

from collections.abc import Iterator

from models import FINAL, WAITING, State
from worker.codes.registry import explain_code
from worker.explaining.lane_reasons import Limits, find_lane_reasons, find_queue_reasons
from worker.explaining.reasons import Note, Reason
from worker.explaining.wording import as_words, count_noun, explain_error, format_moment
from worker.outbox.views.explain import OperationFacts

UNREACHABLE = "unreachable"
"""The code of an attempt that found no connection."""


def find_reasons(facts: OperationFacts, limits: Limits) -> tuple[Reason, ...]:
    """Find everything that keeps the operation from being sent; nothing: the very next claim takes it."""
    match facts.row["state"]:
        case State.PENDING | State.RETRYABLE:
            return tuple(_find_reasons_to_end(facts)) or tuple(_find_reasons_to_wait(facts, limits))
        case State.IN_FLIGHT:
            return (_flight_reason(facts),)
        case State.IN_DOUBT if facts.row["needs_person"]:
            return (_person_reason(facts),)
        case State.IN_DOUBT:
            return tuple(_find_doubt_reasons(facts, limits))
        case _:
            return (_end_reason(facts), *((_person_reason(facts),) if facts.row["needs_person"] else ()))


def _find_reasons_to_end(facts: OperationFacts) -> Iterator[Reason]:
    """Give the reasons for which housekeeping will end the operation, whatever else there is."""
    row, at, state = facts.row, facts.environment.at, facts.status.parent
    if row["expires_at"] is not None and row["expires_at"] <= at:
        text = f"It has been too late since {format_moment(row['expires_at'], at)}."
        yield Reason("too_late", text, "Export it with a later time.", data={"since": row["expires_at"]})
    if facts.parent_id is not None and state is not None and state in FINAL - {State.SUCCEEDED}:
        kind, source_id, parent_id = row["after_kind"], row["after_source_id"], facts.parent_id
        text = f"It comes after {kind}:{source_id} (operation {parent_id}), which is {as_words(state)}."
        remedy = f"Mend that one first, then requeue both: vitec-sync explain {parent_id}"
        data = {"kind": kind, "source_id": source_id, "id": parent_id, "state": state}
        yield Reason("parent_ended", text, remedy, data=data)


def _find_reasons_to_wait(facts: OperationFacts, limits: Limits) -> Iterator[Reason]:
    row, at = facts.row, facts.environment.at
    due_at, permission_until = row["next_attempt_at"], row["send_again_until"]
    closed = tuple(find_lane_reasons(facts, limits))
    parent = () if row["parent_done"] else (_parent_reason(facts, limits, closed),)
    preceded = () if facts.predecessor_id is None else (_sequence_reason(facts.predecessor_id),)
    yield from (*closed, *parent, *preceded)
    if permission_until is not None and permission_until <= at and not parent:
        # Two look-ups had found it absent, but so long ago that it is looked up once more.
        text = f"It was not there at Vitec, and could be sent again until {format_moment(permission_until, at)}. "
        text += f"That is long ago: Vitec is asked once more, from {format_moment(due_at, at)} on."
        yield Reason("leave_grew_old", text, until=due_at, data={"since": permission_until, "until": due_at})
    elif due_at > at:
        yield _time_reason(facts)
    if due_at <= at and not closed and not parent and not preceded:
        yield from find_queue_reasons(facts, limits)


def _sequence_reason(predecessor_id: int) -> Reason:
    text = f"Operation {predecessor_id} sets the same thing at Vitec, goes before it, and has not ended."
    data = {"id": predecessor_id}
    return Reason("preceded", text, f"vitec-sync explain {predecessor_id}", data=data)


def _parent_reason(facts: OperationFacts, limits: Limits, closed: tuple[Reason, ...]) -> Reason:
    row, state, parent_id = facts.row, facts.status.parent, facts.parent_id
    named = f"{row['after_kind']}:{row['after_source_id']}"
    data = {"kind": row["after_kind"], "source_id": row["after_source_id"]}
    if facts.in_circle:
        text = f"It waits for {named}, which waits for this one in its turn: neither can ever go first."
        return Reason("circle", text, "Correct what comes after what in the CRM, or cancel it.", data=data)
    data |= {"id": parent_id, "state": state}
    if parent_id is None:
        text = f"It waits for {named}, which is not known yet."
        return Reason("waits_for", text, "Export that one from the CRM, too.", data=data)
    if state is State.SUCCEEDED:
        text = f"It waits for {named} (operation {parent_id}), of whose success it is about to be told."
        return Reason("waits_for", text, data=data)
    # Reasons that keep both are given once, at the child.
    parent_reasons = find_reasons(facts.parent, limits) if facts.parent else ()
    own = tuple(reason for reason in parent_reasons if reason not in closed)
    text = f"It waits for {named} (operation {parent_id}), which is {as_words(state)}."
    return Reason("waits_for", text, "" if own else f"vitec-sync explain {parent_id}", data=data, parent_reasons=own)


def _time_reason(facts: OperationFacts) -> Reason:
    row, until, at = facts.row, facts.row["next_attempt_at"], facts.environment.at
    if row["state"] is State.RETRYABLE and row["failures"] and until != row["send_after"]:
        # Its latest try surely had no effect.
        failures = f"failure {row['failures']} of {row['max_failures']}"
        text = f"It waits until {format_moment(until, at)} after {failures}: {explain_error(row['error_code'])}"
        if row["error_code"] == UNREACHABLE and row["error_detail"]:
            # Of all details this is always our own words.
            text = f"{text.removesuffix('.')}: {row['error_detail']}."
        data = {"failures": row["failures"], "max_failures": row["max_failures"], "code": row["error_code"]}
        return Reason("after_failure", text, until=until, data={**data, "until": until})
    # The CRM said so, or it was held back for a moment.
    return Reason(
        "not_before", f"It is not sent before {format_moment(until, at)}.", until=until, data={"until": until}
    )


def _flight_reason(facts: OperationFacts) -> Reason:
    row, lane = facts.row, facts.lane
    since = format_moment(row["claimed_at"], facts.environment.at)
    data = {"since": row["claimed_at"], "attempt": row["attempt"]}
    if lane["free"]:
        return Reason("worker_gone", f"It was being sent at {since}, and its worker is gone since.", data=data)
    by = f" by {lane['worker']}" if lane["worker"] else ""
    text = f"It is being sent since {since}{by} (attempt {row['attempt']})."
    # The lease ends the turn, not the wait for the answer.
    return Reason("under_way", text, data={**data, "worker": lane["worker"], "until": lane["lease_until"]})


def _find_doubt_reasons(facts: OperationFacts, limits: Limits) -> Iterator[Reason]:
    closed = tuple(find_lane_reasons(facts, limits))
    yield from closed
    yield _doubt_reason(facts)
    if facts.similar_ids:
        ids = ", ".join(map(str, facts.similar_ids))
        text = f"One like it is in flight or in doubt ({ids}): whose is whose cannot be told before that is settled."
        yield Reason("alike", text, f"vitec-sync explain {facts.similar_ids[0]}", data={"ids": facts.similar_ids})
    if facts.row["next_attempt_at"] <= facts.environment.at and not closed:
        yield from find_queue_reasons(facts, limits)


def _doubt_reason(facts: OperationFacts) -> Reason:
    row, at, look_ups = facts.row, facts.environment.at, facts.look_ups
    since, until, absent = row["doubt_since"], row["next_attempt_at"], int(row["absent_since"] is not None)
    parts = (
        f"It is in doubt{f' since {format_moment(since, at)}' if since else ''}: {explain_error(row['error_code'])}",
        " It was accepted, so it is not sent again by itself." if row["accepted"] else "",
        f" Vitec was asked {count_noun(look_ups, 'time')}, {absent} of 2 in a row found it absent"
        if look_ups
        else " Vitec was not asked yet",
        f" ({facts.look_up_detail})" if facts.look_up_detail else "",
        f"; the next time at {format_moment(until, at)}." if until > at else "; that is due now.",
    )
    data = {"since": since, "code": row["error_code"], "accepted": row["accepted"], "look_ups": look_ups}
    data |= {"absent": absent, "found": facts.look_up_detail, "until": until}
    return Reason("doubt", "".join(parts), until=until, data=data)


def _person_reason(facts: OperationFacts) -> Reason:
    row, detail = facts.row, facts.look_up_detail
    if row["state"] is State.IN_DOUBT:
        finding = f" A look-up found: {detail}." if detail else ""
        text = f"Only a person can tell whether Vitec acted: {explain_error(row['error_code'])}{finding}"
        # The commands of a decision are those that are allowed: `find_commands` gives them.
        remedy = (
            f"Look for it at Vitec (call log, calendar), then decide. When it was sent: vitec-sync show {row['id']}"
        )
    else:
        text = f"A person should look at it: {explain_error(row['error_code'])}"
        remedy = f"{explain_code(row['error_code']).remedy} Its history: vitec-sync show {row['id']}".lstrip()
    data = {"id": row["id"], "state": row["state"], "since": row["doubt_since"]}
    return Reason("needs_person", text, remedy, data={**data, "code": row["error_code"], "found": detail})


def _end_reason(facts: OperationFacts) -> Reason:
    row, at = facts.row, format_moment(facts.row["finalized_at"], facts.environment.at)
    data = {"state": row["state"], "at": row["finalized_at"], "code": row["error_code"], "remote_id": row["remote_id"]}
    if row["state"] is State.SUCCEEDED:
        named = f" as {row['remote_id']}" if row["remote_id"] else ""
        return Reason("ended", f"It has been delivered{named}: {at}.", data=data)
    code = row["error_code"] or row["state"].value
    text, remedy = f"It has ended at {at}: {explain_error(code, row['kind'])}", explain_code(code, row["kind"]).remedy
    return Reason("ended", text, remedy, data=data)


def find_notes(facts: OperationFacts) -> Iterator[Note]:
    """Find the notes: facts that keep nothing from being sent."""
    row, lane, at = facts.row, facts.lane, facts.environment.at
    waits = row["state"] in WAITING
    if waits and not lane["free"]:
        worker, until = lane["worker"], lane["lease_until"]
        text = f"{worker or 'Somebody'} is at work on its lane; its lease runs until {format_moment(until, at)}."
        yield Note("turn_at_work", text, {"worker": worker, "until": until})
    if waits and row["expires_at"] is not None and row["expires_at"] > at:
        yield Note("expires", f"It expires at {format_moment(row['expires_at'], at)}.", {"at": row["expires_at"]})
    if row["revision"] is not None:
        yield Note("new_content", "The CRM has changed the row: the new content waits for the verdict.")
    if row["cancel_asked"]:
        yield Note("cancel_asked", "Cancel is asked: it is honoured if nothing has been written to Vitec.")
    if row["state"] in FINAL | {State.IN_DOUBT} and row["reported_at"] is None:
        yield Note("untold", "The CRM has not been told yet how it stands: vitec-sync results.")
