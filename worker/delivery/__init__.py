"""Delivery answers a ring by one turn at the due lane that has waited longest; `turn.py` draws the turn's loop."""

from worker.delivery.report import TurnReport
from worker.delivery.turn import serve, this_worker

__all__ = ["TurnReport", "serve", "this_worker"]
