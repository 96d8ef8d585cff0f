"""A sandbox of its own for each test: in a thread, on a free port, with its ledger in memory."""

from collections.abc import Iterator

import pytest

from worker.sandbox import AccessRules, Sandbox, running_sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    access = AccessRules(closed=frozenset({"M39999"}), passwords={"M30002": "other", "M30003/order_token": "narrow"})
    with running_sandbox(access=access) as running:
        yield running
