"""Flower as it may run here: behind the configured login in every corner, on loopback, and for looking only.

Flower reads its options from the environment, a file and its arguments, in that order. `arrange` sets what holds
without any, and has the result checked before Flower listens, so no way of giving options goes round it.
"""

from worker.flower.options import arrange

__all__ = ["arrange"]
