"""Faults of the stand-in: which there are, which request meets which, and how each is acted out."""
