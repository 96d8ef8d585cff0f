"""Puts the whole job into a peer's queue: `python -m bench.peers.enqueueing with_huey`."""

from __future__ import annotations

import importlib
import sys

from bench.peers import job

if __name__ == "__main__":
    importlib.import_module(f"bench.peers.{sys.argv[1]}").enqueue(job.read_ids())
