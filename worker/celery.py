"""The Celery app: `celery -A worker worker`, `beat` and `flower`. Celery carries rings; it keeps and retries nothing.

Modules above this one are given by name, as Celery has it: they are imported where their process needs them.
"""

import importlib
import os
import sys
from typing import Any

from celery import Celery

from worker import bootstrap, rings
from worker.dotenv import SettingsError
from worker.settings import Settings


def configuration() -> dict[str, Any]:
    """Configure the app from the settings, at its first use. Wrong settings end the process with one line."""
    try:
        settings = bootstrap.settings()
    except SettingsError as error:
        raise SystemExit(str(error)) from None
    return {
        **rings.configuration(settings),
        "worker_consumer": "worker.processes.consumer:Consumer",
        # A turn mostly waits for Vitec, and the limits there are for all workers together; more children would idle.
        "worker_concurrency": max(2, min(4, os.cpu_count() or 1)),
        # One ring per child at most waits inside the worker: more would be stale by the time a child is free.
        "worker_prefetch_multiplier": 1,
        "worker_disable_rate_limits": True,
        "worker_send_task_events": True,
        "beat_schedule": schedule(settings),
        "beat_scheduler": "worker.processes.beat:Scheduler",
        "beat_schedule_filename": str(settings.state_dir / "celerybeat-schedule"),
    }


def schedule(settings: Settings) -> dict[str, Any]:
    """Say how often beat asks for each chore. A request expires before the next, so none pile up."""
    every = {
        rings.DISPATCH: settings.dispatch_every,
        "outbox.rescue": settings.housekeeping_every,
        "outbox.expire": settings.housekeeping_every,
        "outbox.table": settings.housekeeping_every,
        "outbox.prune": 3600.0,
        "results.write": settings.housekeeping_every,
        "feeds.scan": settings.dispatch_every,
    }
    return {
        name: {"task": name, "schedule": seconds, "options": {"expires": seconds * 0.9}}
        for name, seconds in every.items()
    }


app = Celery(
    "worker", task_cls="worker.processes.consumer:Task", include=["worker.tasks", "worker.processes.main_process"]
)
app.add_defaults(configuration)
app.steps["worker"].add("worker.processes.main_process:Watch")
app.steps["worker"].add("worker.processes.table_watch:TableWatch")

# Celery's command line loads Flower's command with all others. Flower takes its options before it imports any module
# of ours, so what must hold for them is arranged here.
if "flower.command" in sys.modules:
    importlib.import_module("worker.flower").arrange()
