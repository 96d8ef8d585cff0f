"""The actions of people: each command that changed something, or showed personal data. Rows are only ever added."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, RowId, UtcDateTime


class Action(Base):
    """One action. The history of each operation says how it was decided about."""

    __tablename__ = "actions"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    login: Mapped[str] = mapped_column(String(100))
    """The login of the operating system; it may be shared, as in a container."""
    by: Mapped[str] = mapped_column(String(100))
    """The person who decided: as said with the command, else the login."""
    command: Mapped[str] = mapped_column(String(40))
    subject: Mapped[dict[str, Any]] = mapped_column(Json)
    """The scope, the filter or the numbers of operations that the command was given. Nothing in it is personal."""
    reason: Mapped[str | None] = mapped_column(Text)
    affected: Mapped[int | None] = mapped_column(Integer)
    """How many operations, holds or rows it concerned in the end; NULL: it did not come to its end."""

    __table_args__ = (Index("ix_actions_at", "at"),)
