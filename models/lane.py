"""A lane: one customer's operations of one kind."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, UtcDateTime
from models.hold import LOGIN_AT_MOST


class Lane(Base):
    """The turn at the lane (`token`, `lease_until`, `worker`), and the moment since when the lane is due (`due_at`).

    `token` rises with every turn and every rescue; a worker with an older one no longer owns the lane.
    """

    __tablename__ = "lanes"

    customer_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    function_group: Mapped[str] = mapped_column(String(40))
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    token: Mapped[int] = mapped_column(BigInteger, server_default="0")
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """NULL: no turn is at the lane."""
    foreign_in_row: Mapped[int] = mapped_column(Integer, server_default="0")
    """Answers in a row, of its own requests, that were not the API's own."""
    login: Mapped[str | None] = mapped_column(String(LOGIN_AT_MOST))
    """The name of the login with which its requests are sent, by its last turn. NULL: not known yet, or there is none."""
    worker: Mapped[str | None] = mapped_column(String(100))
    """The process that has the turn, as `host:pid`, for people to read."""

    __table_args__ = (
        Index(
            "ix_lanes_due",
            "kind",
            "due_at",
            "customer_id",
            postgresql_where=text("due_at IS NOT NULL"),
            sqlite_where=text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_lanes_leased",
            "lease_until",
            postgresql_where=text("lease_until IS NOT NULL"),
            sqlite_where=text("lease_until IS NOT NULL"),
        ),
    )
