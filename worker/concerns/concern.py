"""A concern as a value: a code and facts for programs, a sentence, the deed and the command that help for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from models import HoldReason

WorkCode = Literal["needs_person", "never_started", "silent", "not_taken", "slow", "failing", "rows_not_taken_in"]
EndingCode = Literal[
    "failing_kind", "failed", "expired", "rejected_rows", "refused_files", "parent_missing", "repeated_id"
]
PartCode = Literal["broker", "clock", "other_address", "results_failing", "vitec_clock"]
FeedCode = Literal["feeds_file", "feed_stopped", "feed_finding", "feed_silent", "feed_overdue"]
ConcernCode = HoldReason | WorkCode | EndingCode | PartCode | FeedCode
"""Of a hold: its reason. Codes are an API: added to, never renamed."""


class Severity(StrEnum):
    """How much a concern weighs."""

    CRITICAL = "critical"
    """Nothing is sent."""

    ERROR = "error"
    """Something is not sent, or not settled, before a person has acted."""

    WARNING = "warning"
    """It ends by itself or can wait, and a person should know of it."""


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that a person should see to, or that lasts. Nothing in it is personal."""

    code: ConcernCode
    severity: Severity
    text: str
    """A sentence with the cause."""
    advice: str
    """The deed that helps. It ends with a colon if a command follows."""
    command: str = ""
    """A command that helps or shows more; it runs as it is."""
    since: datetime | None = None
    count: int | None = None
    """The operations or rows that it is about."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """The facts from which the text was built."""

    @property
    def remedy(self) -> str:
        """The advice with the command."""
        return f"{self.advice} {self.command}".strip()
