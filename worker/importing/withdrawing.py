"""The withdrawals among new operations: rows by which the CRM takes back others that it exported before."""

from collections.abc import Iterable

from worker.kinds import KIND_BY_NAME
from worker.outbox.database.staging import NewOperation
from worker.outbox.lanes.withdrawals import Withdrawal


def withdrawals_of(rows: Iterable[NewOperation]) -> list[Withdrawal]:
    """Find them."""
    return [
        Withdrawal(row.customer_id, row.sequence_key, row.kind, withdrawn)
        for row in rows
        if row.sequence_key is not None and (withdrawn := KIND_BY_NAME[row.kind].withdraws) is not None
    ]
