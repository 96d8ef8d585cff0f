"""Flower as it may run here: behind the configured login everywhere, on loopback, and read-only.

Flower reads its options from the environment, a file and its arguments, in that order. `arrange` sets the
defaults, and has the result checked before Flower listens, so no way of giving options goes round the check.
"""

from worker.flower.options import arrange

__all__ = ["arrange"]
