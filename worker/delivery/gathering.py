"""Results of threads are gathered for a moment, so that one transaction serves several of them."""

import time

from worker.delivery.sending import SendPool
from worker.outbox.exchange.look_ups import FinishedLookUp
from worker.outbox.exchange.settle import Finished

GATHER = 0.004
"""Seconds in which results are gathered before an exchange."""

GATHER_AT_MOST = 0.05
"""Seconds after which results are written, also while there is enough to do without them."""


def gather(sending: SendPool, pause: float, busy: int) -> list[Finished | FinishedLookUp]:
    """What has ended, waiting at most `pause` s for the first of it; `busy`: how many have not been fetched yet."""
    found = sending.finished(pause)
    if found and len(found) < busy:
        if sending.all_begun:
            time.sleep(GATHER)
        else:
            # Nobody is kept waiting by it as long as the threads have enough to do.
            sending.until_all_begun(GATHER_AT_MOST)
        found += sending.finished(0)
    return found
