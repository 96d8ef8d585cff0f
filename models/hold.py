"""A hold: a scope that must not be worked on until a time."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Integer, String, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, RowId, UtcDateTime, str_enum

CAUSE_AT_MOST = 200
"""Characters of a hold's cause."""


class Scope(StrEnum):
    """The part of the work that a hold covers."""

    ENVIRONMENT = "environment"
    GROUP = "group"
    """One customer's operations of all kinds of one function group, that is, of one password."""
    LANE = "lane"


class HoldReason(StrEnum):
    """Why a scope is held."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    REDIRECTED = "redirected"
    FOREIGN_ANSWER = "foreign_answer"
    """Something before Vitec's API answered in its place, with a page of HTML say."""

    PAUSED = "paused"


class Hold(Base):
    """One reason for one scope. Parts of the scope that do not apply are the empty string, so that the key is whole.

    When `until` has passed the row stays: one operation goes first, and its success removes the hold.
    """

    __tablename__ = "holds"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    scope: Mapped[Scope] = mapped_column(str_enum(Scope, "scope"))
    customer_id: Mapped[str] = mapped_column(String(64), server_default="")
    function_group: Mapped[str] = mapped_column(String(40), server_default="")
    kind: Mapped[str] = mapped_column(String(40), server_default="")
    reason: Mapped[HoldReason] = mapped_column(str_enum(HoldReason, "reason"))
    since: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    """When the trouble began: a hold that is renewed keeps it."""
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """NULL: until a person resumes it."""
    strikes: Mapped[int] = mapped_column(Integer, server_default="1")
    """How often in a row the reason has come back; the waiting time doubles with it."""
    cause: Mapped[str | None] = mapped_column(String(CAUSE_AT_MOST))
    """The failure that set the hold, or renewed it last, in our own words: never an answer's own text."""
    by: Mapped[str | None] = mapped_column(String(100))
    note: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("scope", "customer_id", "function_group", "kind", "reason"),
        CheckConstraint(
            "(scope = 'environment' AND customer_id = '' AND function_group = '' AND kind = '')"
            " OR (scope = 'group' AND customer_id <> '' AND function_group <> '' AND kind = '')"
            " OR (scope = 'lane' AND customer_id <> '' AND function_group = '' AND kind <> '')",
            name="scope_is_whole",
        ),
    )
