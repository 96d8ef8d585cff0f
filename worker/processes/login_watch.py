"""The main process sees to logins that have been corrected, also while all that they send is held and no turn is taken."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from worker.outbox import Database
from worker.outbox.lanes import logins as lane_logins
from worker.vitec.credentials import Credentials
from worker.vitec.current_logins import CurrentLogins

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class LoginWatch:
    """Sees that each lane has its login, and that one which has changed is tried at once."""

    logins: Callable[[], CurrentLogins]
    _before: Credentials | None = None

    def check(self, db: Database) -> None:
        """Compare the logins with those of the last check; the first check notes the logins of all lanes."""
        before, credentials = self._before, self.logins().refresh()
        if credentials is before:
            return
        lane_logins.note_logins(db, credentials.name_login)
        changed = set() if before is None else credentials.find_changed(before)
        if lane_logins.try_changed_logins(db, changed):
            log.info("a refused login has changed: one operation goes first with it", logins=sorted(changed))
        self._before = credentials
