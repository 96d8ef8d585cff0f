"""Drafts of mappings: an export that was never seen before is looked at, and a person only has to read and accept."""

from worker.drafting.drafts import MappingDraft, draft_mapping
from worker.drafting.trying import RowsFault, Trial, try_mapping

__all__ = ["MappingDraft", "RowsFault", "Trial", "draft_mapping", "try_mapping"]
