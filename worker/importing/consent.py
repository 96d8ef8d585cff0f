"""Finds out, before anything is recorded, whether an import should be agreed to by a person."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from worker.importing.rows import ParsedRow
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.database.staging import NewOperation
from worker.outbox.views.acquaintance import count_known_content, read_acquaintance, read_moment

SURVEYED = 10_000
"""Rows at the begin of an export that are looked at."""

MANY_PEOPLE = 500
"""So many messages are worth a question, where the feed has never sent any of the kind."""

LONG_PAST = timedelta(days=30)

COMPARED = 1_000
"""New rows of which the content is compared with what the feed has recorded under other ids."""

REKEYED_AT_LEAST = 5
REKEYED_SHARE = 0.5
"""Of the new rows so many have the content of others: a CRM that has given all its rows new ids."""


class ConsentNeeded(Exception):  # noqa: N818 (a fact)
    """A person should agree first; nothing was recorded. `concerns`: plain sentences, with counts and no words of a row."""

    def __init__(self, concerns: Sequence[str]) -> None:
        super().__init__("; ".join(concerns))
        self.concerns = tuple(concerns)


@dataclass(slots=True)
class _Survey:
    """The counts of the rows of one kind."""

    rows: int = 0
    messages: int = 0
    long_past: int = 0
    hashes: dict[str, str] = field(default_factory=dict)
    """source_id → hash of the content."""


def check_consent(db: Database, rows: Iterable[ParsedRow], *, feed: str, per_second: float | None) -> None:
    """Look at the first rows of an export that is new to the feed. Raises ConsentNeeded.

    `per_second`: the rate limit, for the time that it will take; None or 0: it is not known.
    """
    surveys = _survey(islice(rows, SURVEYED), long_past=read_moment(db) - LONG_PAST)
    concerns: list[str] = []
    for kind, survey in surveys.items():
        acquaintance = read_acquaintance(db, feed=feed, kind=kind, source_ids=list(survey.hashes))
        noun = kind.replace("_", " ")
        if not acquaintance.has_recorded:
            if survey.messages >= MANY_PEOPLE:
                takes = f", in {_describe_time(survey.rows / per_second)} or more" if per_second else ""
                messages = f"at least {survey.messages:,} messages to people"
                concerns.append(f"the feed's first {noun} rows would send {messages}{takes}")
            if survey.long_past:
                concerns.append(f"{survey.long_past:,} {noun} rows have dates more than {LONG_PAST.days} days back")
        else:
            concerns += _find_rekeyed(db, feed, kind, survey, acquaintance.known_ids)
    if concerns:
        raise ConsentNeeded(concerns)


def _survey(rows: Iterable[ParsedRow], *, long_past: datetime) -> dict[str, _Survey]:
    surveys: dict[str, _Survey] = {}
    for row in rows:
        if isinstance(row.result, NewOperation):
            survey = surveys.setdefault(row.result.kind, _Survey())
            _count(survey, row.result, long_past)
    return surveys


def _count(survey: _Survey, row: NewOperation, long_past: datetime) -> None:
    payload = KIND_BY_NAME[row.kind].from_payload(json.loads(row.payload))
    own_date = payload.wanted_until()
    survey.rows += 1
    survey.messages += payload.count_messages()
    survey.long_past += own_date is not None and own_date < long_past
    if len(survey.hashes) < COMPARED:
        survey.hashes[row.source_id] = row.payload_hash


def _find_rekeyed(db: Database, feed: str, kind: str, survey: _Survey, known_ids: frozenset[str]) -> Iterable[str]:
    """Say how many rows are new by their id, and have the content of a row with another id."""
    new = {source_id: content for source_id, content in survey.hashes.items() if source_id not in known_ids}
    if len(new) < REKEYED_AT_LEAST:
        return
    hashes = set(new.values())
    again = count_known_content(db, feed=feed, kind=kind, hashes=hashes)
    if again >= max(REKEYED_AT_LEAST, len(hashes) * REKEYED_SHARE):
        noun = kind.replace("_", " ")
        yield (
            f"{again:,} of {len(hashes):,} new {noun} rows say just what rows with other ids said before: if the CRM has"
            " given its rows new ids, all would be sent once more"
        )


def _describe_time(seconds: float) -> str:
    for size, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1, seconds):.0f} seconds"
