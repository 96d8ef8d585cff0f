"""One run of a feed: its right to go on, and what it has taken in so far."""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Self

from worker.codes.language import Language
from worker.feeding.config import FeedConfig
from worker.importing import IntakeDefaults
from worker.outbox import Database
from worker.outbox.intake import feed_states
from worker.outbox.intake.feed_files import FileCounts
from worker.outbox.intake.feed_states import FeedClaim, FeedMemory

RENEW_EVERY = feed_states.LEASE / 4
RING_EVERY = 10.0
"""Seconds between rings while a long export is taken in."""


class FeedFault(Exception):  # noqa: N818 (a fact)
    """A run cannot go on. The text is one sentence with the remedy, and nothing personal; `stops`: nor can the next."""

    def __init__(self, code: str, text: str, *, stops: bool = False, keeps_export: bool = False) -> None:
        super().__init__(text)
        self.keeps_export = keeps_export
        """The export stays where it is: it is taken in when the feed is started."""
        self.code = code
        self.text = text
        self.stops = stops


class Interrupted(Exception):  # noqa: N818 (a fact)
    """The run is to end between two chunks: the worker stops, or it has lost the feed. The next one goes on there."""


@dataclass(slots=True)
class FeedRun:
    """The run of a feed under its lease, which a thread renews for as long as the process lives."""

    db: Database
    config: FeedConfig
    claim: FeedClaim
    defaults: IntakeDefaults
    ring: Callable[[Iterable[str]], None]
    stopping: Callable[[], bool]
    variable: Callable[[str], str | None] = lambda _: None
    """Gives a variable of the environment, such as a secret."""
    ca_bundle: Any = None
    per_second: float | None = None
    language: Language = Language.ENGLISH
    """That of the reasons beside rejected rows."""
    memory: FeedMemory = field(init=False)
    counts: FileCounts = field(default_factory=FileCounts)
    files: int = 0
    has_new: bool = False
    waits_for_canary: bool = False
    """It ended because the first rows have no answer yet: the others wait, and the next run asks again."""
    remarks: list[FeedFault] = field(default_factory=list)
    """Faults that did not keep the run from going on."""
    _lost: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _kinds: set[str] = field(default_factory=set)
    _ring_at: float = 0.0

    def __post_init__(self) -> None:
        self.memory = self.claim.memory
        self._ring_at = monotonic() + RING_EVERY

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._renew, name="feed-lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self.ring_now()

    def check(self, *_: object) -> None:
        """Raise `Interrupted` if the run is to end. Called between two transactions."""
        if self.stopping() or self._lost.is_set():
            raise Interrupted

    def note_kinds(self, kinds: Iterable[str]) -> None:
        """Ring for the kinds that have something to do, now and then."""
        self._kinds |= set(kinds)
        if monotonic() >= self._ring_at:
            self.ring_now()

    def ring_now(self) -> None:
        """Ring for all that has been recorded."""
        if self._kinds:
            self.ring(sorted(self._kinds))
        self._kinds.clear()
        self._ring_at = monotonic() + RING_EVERY

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_EVERY):
            # The database may be busy or away: the lease outlasts several tries, and without it nothing is recorded twice.
            with suppress(Exception):
                if not feed_states.renew(self.db, self.claim):
                    self._lost.set()
                    return
