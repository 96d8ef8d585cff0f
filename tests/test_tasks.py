"""A task that meets an outage of the database does nothing, and says so once."""

import pytest
from sqlalchemy.exc import OperationalError

from worker import bootstrap, housekeeping, tasks

AWAY = OperationalError("SELECT 1", {}, ConnectionError("refused"))


def test_an_outage_of_the_database_fails_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise AWAY

    monkeypatch.setattr(bootstrap, "database", lambda: None)
    monkeypatch.setattr(housekeeping, "rescue_abandoned", fail)
    assert tasks.rescue() == "nothing done: the database cannot be used"
    assert tasks.database_outage.lasts
    monkeypatch.setattr(housekeeping, "rescue_abandoned", lambda *_: 0)
    assert tasks.rescue() == "nothing to do"
    assert not tasks.database_outage.lasts


def test_a_bug_fails_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "database", lambda: None)
    monkeypatch.setattr(housekeeping, "rescue_abandoned", lambda *_: 1 // 0)
    with pytest.raises(tasks.TaskFailed, match="ZeroDivisionError"):
        tasks.rescue()
