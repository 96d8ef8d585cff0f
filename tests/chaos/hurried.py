"""The app, with kombu's waits between two tries to connect so much shorter: hours of an outage pass in seconds.

`HURRY=600 celery -A tests.chaos.hurried worker` tries as often to connect as a worker does in 600 times the time.
"""

import os
import time

from kombu.utils import functional

from worker.celery import app

__all__ = ["app"]

_SCALE = float(os.environ["HURRY"])


def _sleep(seconds: float) -> None:
    time.sleep(seconds / _SCALE)


functional.sleep = _sleep  # type: ignore[attr-defined, assignment]
