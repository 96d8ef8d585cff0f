"""Tells a program what became of one row, by the CRM's own id."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select
from sqlalchemy.orm import Session

from models import CrmRow, Operation
from worker.codes.language import Language
from worker.codes.registry import explain_code
from worker.outbox import Database

_FEED = "crm"
"""The feed of a row that names none."""


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """The fate of a row of the CRM, as it stands."""

    state: str
    """A state of operations; or of a row of `crm_rows` for which there is none: `new` (not taken in yet) or `rejected`."""
    remote_id: str | None = None
    """Vitec's id of the thing that it made."""
    ticket: Any | None = None
    """The answer of Vitec that the results give as `ticket`."""
    error_code: str | None = None
    error_text: str | None = None
    """The meaning of the code, and what helps; of a rejected row all its faults."""
    error_detail: str | None = None
    """Vitec's own words, or ours. They may be personal; None once they have been blanked."""
    recorded_at: datetime | None = None
    sent_at: datetime | None = None
    """When its first attempt began."""
    ended_at: datetime | None = None
    operation_id: int | None = None

    @property
    def is_final(self) -> bool:
        """Whether it has ended, for now: a person may still requeue it, and the CRM mend it."""
        return self.ended_at is not None or self.state == "rejected"


def outcome_of(
    source: Database | Connection | Session,
    kind: str,
    source_id: str,
    *,
    feed: str = _FEED,
    language: Language = Language.ENGLISH,
) -> RowOutcome | None:
    """Tell how the row of this kind and id stands; None: there is none of that name. Reads only.

    `source`: a `Database`, or a connection or session of SQLAlchemy to the worker's database, in its own transaction.
    """
    if isinstance(source, Database):
        with source.read() as connection:
            return _find(connection, kind, source_id, feed, language)
    connection = source.connection() if isinstance(source, Session) else source
    return _find(connection, kind, source_id, feed, language)


def _find(connection: Connection, kind: str, source_id: str, feed: str, language: Language) -> RowOutcome | None:
    has_key = and_(Operation.feed == feed, Operation.kind == kind, Operation.source_id == source_id)
    operation = connection.execute(_OPERATION.where(has_key)).one_or_none()
    if operation is not None:
        explanation = explain_code(operation.error_code, kind, language)
        return RowOutcome(
            state=operation.state.value,
            remote_id=operation.remote_id,
            ticket=operation.answer,
            error_code=operation.error_code,
            error_text=f"{explanation.text} {explanation.remedy}".strip() or None,
            error_detail=operation.error_detail,
            recorded_at=operation.created_at,
            sent_at=operation.first_claimed_at,
            ended_at=operation.finalized_at,
            operation_id=operation.id,
        )
    in_feed = or_(CrmRow.feed == feed, CrmRow.feed.is_(None)) if feed == _FEED else CrmRow.feed == feed
    row = connection.execute(
        _ROW.where(CrmRow.source_id == source_id, CrmRow.kind == kind, in_feed).order_by(CrmRow.id.desc()).limit(1)
    ).one_or_none()
    return None if row is None else RowOutcome(row.state, error_code=row.error_code, error_text=row.error_text)


_OPERATION = select(
    Operation.id,
    Operation.state,
    Operation.remote_id,
    Operation.answer,
    Operation.error_code,
    Operation.error_detail,
    Operation.created_at,
    Operation.first_claimed_at,
    Operation.finalized_at,
)
_ROW = select(CrmRow.state, CrmRow.error_code, CrmRow.error_text).where(CrmRow.operation_id.is_(None))
