"""The import: rows of a CRM become operations, bad rows become rejected rows."""

from worker.importing.chunks import ImportedElsewhere, ImportListener, ProgressCallback
from worker.importing.consent import ConsentNeeded
from worker.importing.enqueueing import Enqueued, enqueue
from worker.importing.file_import import ImportOptions, ImportSummary, import_export, import_file
from worker.importing.full_export import TooManyAbsent
from worker.importing.requests import RequestPreview, preview_request
from worker.importing.rows import DEFAULT_FEED, IntakeDefaults
from worker.importing.table import TakenIn, take_in_rows

__all__ = [
    "DEFAULT_FEED",
    "ConsentNeeded",
    "Enqueued",
    "ImportListener",
    "ImportOptions",
    "ImportSummary",
    "ImportedElsewhere",
    "IntakeDefaults",
    "ProgressCallback",
    "RequestPreview",
    "TakenIn",
    "TooManyAbsent",
    "enqueue",
    "import_export",
    "import_file",
    "preview_request",
    "take_in_rows",
]
