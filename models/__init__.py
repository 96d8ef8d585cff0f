"""Rows and states: the memory of the database. Imports nothing of `worker`."""

from models.action import Action
from models.attempt import THE_CRM, Attempt, Event
from models.base import Base, UtcDateTime
from models.crm_row import CrmRow
from models.environment import Environment
from models.feed import FILE_REFUSED, FeedFile, RejectedRow
from models.hold import CAUSE_AT_MOST, Hold, HoldReason, Scope
from models.lane import Lane
from models.operation import Operation
from models.results import EVERY_FEED, CodeWords, ResultBatch, ResultSink
from models.source import Feed
from models.state import FINAL, MOVES, WAITING, Move, State

__all__ = [
    "CAUSE_AT_MOST",
    "EVERY_FEED",
    "FILE_REFUSED",
    "FINAL",
    "MOVES",
    "THE_CRM",
    "WAITING",
    "Action",
    "Attempt",
    "Base",
    "CodeWords",
    "CrmRow",
    "Environment",
    "Event",
    "Feed",
    "FeedFile",
    "Hold",
    "HoldReason",
    "Lane",
    "Move",
    "Operation",
    "RejectedRow",
    "ResultBatch",
    "ResultSink",
    "Scope",
    "State",
    "UtcDateTime",
]
