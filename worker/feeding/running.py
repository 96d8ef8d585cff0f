"""Feeds that are due are run, each by one worker at a time, and how each run ended is written down."""

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from worker.feeding.config import FeedConfig, Source
from worker.feeding.fetching import run_url
from worker.feeding.folder import run_folder
from worker.feeding.loading import Feeds, load_feeds
from worker.feeding.query import run_query
from worker.feeding.run import FeedFault, FeedRun, Interrupted
from worker.feeding.schedule import describe_schedule, first_run, next_run
from worker.importing import IntakeDefaults
from worker.outbox import Database
from worker.outbox.database.errors import is_database_unavailable
from worker.outbox.intake import feed_states
from worker.outbox.intake.feed_states import FeedClaim, FeedTable, RunEnd
from worker.settings import Settings

CANARY_EVERY = timedelta(seconds=15)
"""The time between two looks at whether the first rows have their answer."""

WAITS = "feeds waiting for an answer to their first rows"
"""The count of runs that ended because of a canary."""

log = structlog.get_logger(__name__)

_SOURCES: dict[Source, Callable[[FeedRun], None]] = {
    Source.FOLDER: run_folder,
    Source.QUERY: run_query,
    Source.URL: run_url,
}


@dataclass(frozen=True, slots=True)
class FeedRunner:
    """The means by which feeds are run: the database, the settings, and how to ring and to know that the worker stops."""

    db: Database
    settings: Settings
    ring: Callable[[Iterable[str]], None]
    stopping: Callable[[], bool] = bool

    def scan(self) -> Counter[str]:
        """Run each feed that is due, once; return what was done in counts."""
        feeds = self.register()
        totals: Counter[str] = Counter()
        names: set[str] = set()
        process = f"{socket.gethostname()}:{os.getppid()}:"
        while not self.stopping():
            worker = f"{process}{os.getpid()}"
            claim = feed_states.claim_due(self.db, worker, process, feeds.by_name.keys(), names)
            if claim is None:
                break
            names.add(claim.name)
            totals += self.run(feeds.by_name[claim.name], claim)
        return totals

    def register(self) -> Feeds:
        """Read the file of feeds, and bring the feeds' rows into line with it. Raises `FeedsError`."""
        feeds = load_feeds(self.settings)
        tables = [
            FeedTable(feed.name, feed.source, feed.source_hash(), describe_schedule(feed)[:200], feed.silent_after)
            for feed in feeds
        ]
        feed_states.register(self.db, tables, lambda name, present: first_run(feeds.by_name[name], present))
        return feeds

    def run(self, config: FeedConfig, claim: FeedClaim) -> Counter[str]:
        """Run a feed that was claimed, and write how the run ended. An outage of our own database is the caller's."""
        run = FeedRun(
            self.db,
            config,
            claim,
            IntakeDefaults.of(self.settings),
            self.ring,
            self.stopping,
            self.settings.variable,
            self.settings.vitec_ca_bundle,
            self.settings.vitec_requests_per_second,
            self.settings.language,
        )
        fault: FeedFault | None = None
        is_interrupted = False
        with run:
            try:
                _SOURCES[config.source](run)
            except FeedFault as feed_fault:
                fault = feed_fault
            except Interrupted:
                is_interrupted = True
            except Exception as error:
                if is_database_unavailable(error):
                    raise
                log.exception("a feed ended early", feed=config.name)
                text = (
                    f"The run ended early ({type(error).__name__}): the worker's log says more. It is a bug: report it."
                )
                fault = FeedFault("error", text)
        self._end(run, fault, is_interrupted=is_interrupted)
        counts = {name: number for name, number in asdict(run.counts).items() if name != "unchanged"}
        feeds = {"feeds run": 1, "feeds with a finding": int(fault is not None), WAITS: int(run.waits_for_canary)}
        return Counter({**feeds, "files": run.files, **counts})

    def _end(self, run: FeedRun, fault: FeedFault | None, *, is_interrupted: bool) -> None:
        finding = fault or next(iter(run.remarks), None)
        failures = run.claim.failures + 1 if fault else 0
        end = RunEnd(
            run.memory,
            run.counts,
            run.files,
            run.has_new,
            finding.code if finding else None,
            finding.text if finding else None,
            stops=fault is not None and fault.stops,
            is_failure=fault is not None,
        )
        when = partial(next_run, run.config, failures=failures)
        if run.waits_for_canary:
            when = partial(_soon, CANARY_EVERY)
        elif is_interrupted:
            when = partial(_soon, timedelta())
        if fault:
            log.warning("a feed has a finding", feed=run.config.name, code=fault.code)
        feed_states.end_run(self.db, run.claim, end, when)


def _soon(wait: timedelta, present: datetime) -> datetime:
    return present + wait
