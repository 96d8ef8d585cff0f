"""A hold: a scope that must not be worked on until a time."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Integer, String, Text, UniqueConstraint, false, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, RowId, UtcDateTime, str_enum

CAUSE_AT_MOST = 200
"""Characters of a hold's cause."""

LOGIN_AT_MOST = 200
"""Characters of a login's name."""


class Scope(StrEnum):
    """The part of the work that a hold covers."""

    ENVIRONMENT = "environment"
    GROUP = "group"
    """One customer's operations of all kinds of one function group, that is, of one password."""
    LANE = "lane"
    LOGIN = "login"
    """All that is sent with one login at Vitec, or what is sent with it in one function group."""


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
    login: Mapped[str] = mapped_column(String(LOGIN_AT_MOST), server_default="")
    """The login's name, as the credentials have it (`default`, `customers.M30001`): no secret, and no user name."""
    reason: Mapped[HoldReason] = mapped_column(str_enum(HoldReason, "reason"))
    since: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    """When the trouble began: a hold that is renewed keeps it."""
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """NULL: until a person resumes it."""
    strikes: Mapped[int] = mapped_column(Integer, server_default="1")
    """How often in a row the reason has come back; the waiting time doubles with it."""
    cause: Mapped[str | None] = mapped_column(String(CAUSE_AT_MOST))
    """The failure that set the hold, or renewed it last, in our own words: never an answer's own text."""
    refused_login: Mapped[str | None] = mapped_column(String(LOGIN_AT_MOST))
    """Of `unauthorized` and `forbidden`: the login that was refused, which is the suspect. Empty: it has opened this function group since."""
    login_works: Mapped[bool] = mapped_column(server_default=false())
    """The refused login has opened another function group since: it is not wrong as a whole."""
    by: Mapped[str | None] = mapped_column(String(100))
    note: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("scope", "customer_id", "function_group", "kind", "login", "reason"),
        CheckConstraint(
            "(scope = 'environment' AND customer_id = '' AND function_group = '' AND kind = '' AND login = '')"
            " OR (scope = 'group' AND customer_id <> '' AND function_group <> '' AND kind = '' AND login = '')"
            " OR (scope = 'lane' AND customer_id <> '' AND function_group = '' AND kind <> '' AND login = '')"
            " OR (scope = 'login' AND customer_id = '' AND kind = '' AND login <> '')",
            name="scope_is_whole",
        ),
    )
