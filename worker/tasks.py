"""The tasks: one ring per kind, and the chores. None takes an argument; each returns one line for people to read."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial, wraps
from typing import Any

import structlog

from worker import bootstrap, delivery, feeding, housekeeping, logs, results, rings
from worker.celery import app
from worker.dotenv import SettingsError
from worker.kinds import KINDS
from worker.outbox.database.errors import is_database_unavailable

log = structlog.get_logger(__name__)

database_outage = logs.Outage("the database cannot be used; tasks do nothing", "the database can be used again")
"""The database's outage, as the tasks of this process have met it."""


class TaskFailed(Exception):  # noqa: N818 (a fact)
    """A task ended early. The text is the class of the error alone, since the error's own text may quote a row."""


def task(name: str) -> Callable[[Callable[[], str]], Any]:
    """Make a task of a function. Of an error that it raises only the class's name gets into the broker and Flower."""

    def make(work: Callable[[], str]) -> Any:
        @wraps(work)
        def run() -> str:
            if bootstrap.stopping():
                return "nothing done: the worker is stopping"
            try:
                line = work()
            except (bootstrap.NotReady, SettingsError) as error:
                log.error(str(error), task=name)  # noqa: TRY400 (the line says all there is to say)
                return "nothing done: not ready, see the worker's log"
            except Exception as error:
                if is_database_unavailable(error):
                    database_outage.note(bootstrap.name_fault(error))
                    return "nothing done: the database cannot be used"
                log.exception("a task ended early", task=name)
                raise TaskFailed(type(error).__name__) from None
            database_outage.end()
            log.info(line, task=name)
            return line

        return app.task(name=name)(run)

    return make


def _make_delivery_task(kind: str) -> Any:
    def serve() -> str:
        report = bootstrap.serve_turn(kind)
        if report.next_kind:
            # Without a broker the main process tells it, and has the lane served.
            with suppress(Exception):
                rings.ring(bootstrap.publisher(), [report.next_kind])
        return str(report)

    return task(rings.task_name(kind))(serve)


RINGS = {kind.kind: _make_delivery_task(kind.kind) for kind in KINDS}


@task(rings.DISPATCH)
def dispatch() -> str:
    """Ring for every kind that has due lanes."""
    try:
        rung = housekeeping.dispatch(bootstrap.database(), partial(rings.ring_or_raise, bootstrap.publisher()))
    except rings.BrokerAway as error:
        return f"nothing rung: the broker takes no rings, {error}"
    return summary({f"{kind} rung": count for kind, count in rung.items()})


@task("outbox.rescue")
def rescue() -> str:
    """Settle the operations that dead turns left in flight."""
    db, settings = bootstrap.database(), bootstrap.settings()
    return summary({"rescued": housekeeping.rescue_abandoned(db, settings, delivery.this_worker())})


@task("outbox.table")
def serve_table() -> str:
    """Take in new rows of `crm_rows`, and write back how operations stand, where no main process does so every moment."""
    taken_in, written_back = bootstrap.serve_table()
    counts = {"taken in": taken_in.rows - taken_in.rejected, "rejected": taken_in.rejected}
    return summary({**counts, "written back": written_back})


@task("outbox.expire")
def expire() -> str:
    """End operations that wait in vain."""
    db, settings = bootstrap.database(), bootstrap.settings()
    is_trusted = housekeeping.watch_clock(db, settings)
    return summary(housekeeping.expire(db, settings.parent_missing_after, clock_is_trusted=is_trusted))


@task("outbox.prune")
def prune() -> str:
    """Blank the content of operations that ended long ago."""
    db, settings = bootstrap.database(), bootstrap.settings()
    is_trusted = housekeeping.watch_clock(db, settings)
    return summary({"blanked": housekeeping.prune(db, settings) if is_trusted else 0})


@task("results.write")
def write_results() -> str:
    """Send what is new for the CRM to where its results go."""
    db, settings = bootstrap.database(), bootstrap.settings()
    results.keep_code_words(db, settings.language)
    feeds = feeding.load_feeds(settings)
    destinations = feeding.find_destinations(feeds, settings.results_dir, settings.variable, settings.language)
    counts = results.write_results(db, destinations, worker=delivery.this_worker(), stopping=bootstrap.stopping)
    return summary(counts)


@task("feeds.scan")
def scan_feeds() -> str:
    """Take in from each feed that is due."""
    runner = feeding.FeedRunner(bootstrap.database(), bootstrap.settings(), bootstrap.ring, bootstrap.stopping)
    return summary(runner.scan())


def summary(counts: Mapping[str, int]) -> str:
    """Write counts as one line, without those that are 0."""
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to do"
