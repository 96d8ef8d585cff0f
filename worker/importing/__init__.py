"""The import: rows of a CRM become operations, bad rows become rejected rows."""

from worker.importing.chunks import ImportedElsewhere, ImportListener, ProgressCallback
from worker.importing.enqueueing import Enqueued, enqueue
from worker.importing.file_import import DEFAULT_FEED, ImportSummary, import_export, import_file
from worker.importing.rows import IntakeDefaults

__all__ = [
    "DEFAULT_FEED",
    "Enqueued",
    "ImportListener",
    "ImportSummary",
    "ImportedElsewhere",
    "IntakeDefaults",
    "ProgressCallback",
    "enqueue",
    "import_export",
    "import_file",
]
