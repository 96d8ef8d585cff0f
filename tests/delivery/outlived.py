"""A turn that breaks off while a thread of it will not end: run as `python -m tests.delivery.outlived DATABASE_URL`."""

import sys
import threading

from tests.delivery.wire import Wire
from worker import delivery
from worker.kind import Answer, Call
from worker.outbox import Database, connect
from worker.settings import Settings
from worker.vitec.http_attempt import Permit

if __name__ == "__main__":
    sending = threading.Event()

    def never_ends(call: Call, permit: Permit) -> Answer:
        sending.set()
        threading.Event().wait()
        raise AssertionError("unreachable")

    def break_off() -> bool:
        if sending.is_set():
            raise RuntimeError("the turn breaks off")
        return False

    settings = Settings(vitec_requests_per_second=0, vitec_timeout=0.2)
    db = Database(connect(sys.argv[1]))
    delivery.serve("comeback", db=db, client=Wire(never_ends), settings=settings, stopping=break_off)
