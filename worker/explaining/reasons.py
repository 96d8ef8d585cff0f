"""Reasons and notes as values: a code and facts for programs, a sentence and a remedy for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

LaneCode = Literal["never_started", "silent", "held", "outside_hours"]
ParentCode = Literal["waits_for", "circle", "parent_ended"]
SequenceCode = Literal["preceded"]
TimeCode = Literal["too_late", "not_before", "after_failure", "leave_grew_old"]
QueueCode = Literal["one_goes_first", "limit_reached", "pace_used_up", "not_woken", "lanes_before", "behind"]
StateCode = Literal["under_way", "worker_gone", "doubt", "alike", "needs_person", "ended"]
NoteCode = Literal["turn_at_work", "expires", "new_content", "cancel_asked", "untold"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that must fall away before an operation is sent, or that has ended the matter.

    Codes and the keys of `data` are an API: added to, never renamed.
    """

    code: LaneCode | ParentCode | SequenceCode | TimeCode | QueueCode | StateCode
    text: str
    remedy: str = ""
    """The remedy of a person; empty where time alone helps."""
    until: datetime | None = None
    """When it falls away by itself; None: that is not known."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """The facts that it was built from."""
    parent_reasons: "tuple[Reason, ...]" = ()
    """With `waits_for`: the parent's own reasons, without those that keep both."""


@dataclass(frozen=True, slots=True)
class Note:
    """A fact that keeps nothing from being sent, and is good to know all the same."""

    code: NoteCode
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
