"""Intake: rows of a CRM become operations, bad rows become rejected rows."""

from worker.importing.enqueueing import Enqueued, enqueue
from worker.importing.import_file import DEFAULT_FEED, Listener, Progress, Summary, TakenElsewhere, take_in
from worker.importing.rows import Terms

__all__ = [
    "DEFAULT_FEED",
    "Enqueued",
    "Listener",
    "Progress",
    "Summary",
    "TakenElsewhere",
    "Terms",
    "enqueue",
    "take_in",
]
