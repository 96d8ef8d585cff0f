"""Named points of a turn at which a test may act on the process. Outside tests no hook is set, and nothing is called.

A caller writes `if failpoints.hook: failpoints.hook("after_body")`: without a hook that is one look at a name. Killing,
stopping and delaying are the hook's business: see `tests/chaos/arming.py`.
"""

from collections.abc import Callable

POINTS = (
    "before_claim_commit",
    "after_claim_commit",
    "before_first_byte",
    "after_first_byte",
    "after_last_byte",
    "after_status",
    "after_body",
    "before_settle_commit",
    "after_settle_commit",
)
"""In the order in which a turn reaches them. The permit to write has been granted before `before_first_byte`."""

RESULT_POINTS = (
    "result_batch_begun",
    "result_draft_written",
    "result_draft_synced",
    "result_draft_noted",
    "result_linked",
    "result_folder_synced",
    "result_draft_removed",
    "result_arrived",
    "result_rows_marked",
    "result_told",
)
"""In the order in which a writer of results reaches them. Those of drafts, links and folders: only if they go to files."""

hook: Callable[[str], None] | None = None
"""Called with the name of each point that the process reaches. Set by tests alone."""
