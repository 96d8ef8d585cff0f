"""The environment: the one Vitec that this database belongs to."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Float, Integer, SmallInteger, String, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, UtcDateTime


class Environment(Base):
    """The only row of its table. Its lock comes first in every transaction that needs it."""

    __tablename__ = "environments"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, server_default="1")
    base_url: Mapped[str] = mapped_column(String(200))
    next_slot_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    """The earliest moment at which the next request may start under the pace."""
    failures_in_row: Mapped[int] = mapped_column(Integer, server_default="0")
    """Failures of the environment since the last answer that proved it well: the circuit breaker's count."""
    dispatched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    bound_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the first answer came from `base_url`; NULL: none has come, so the address may still be a slip."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    clock_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The moment that the database's clock showed when a process last looked at it."""
    clock_stepped: Mapped[float] = mapped_column(Float, server_default="0")
    """All steps that the clock was seen to make, as one sum in seconds; negative: backward."""
    clock_confirmed: Mapped[float] = mapped_column(Float, server_default="0")
    """As much of that sum as a person has confirmed."""
    clock_stepped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the last step was seen, by the clock after it."""
    vitec_clock_lead: Mapped[float | None] = mapped_column(Float)
    """Seconds by which Vitec's clock, by the `Date` of an answer, leads the database's; negative: it is behind."""
    vitec_clock_within: Mapped[float | None] = mapped_column(Float)
    """How exactly that is known: so many seconds more or less."""
    vitec_clock_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was measured."""

    __table_args__ = (
        CheckConstraint("id = 1", name="only_one"),
        CheckConstraint("failures_in_row >= 0", name="counts"),
    )
