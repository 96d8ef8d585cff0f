"""Results: what is new for the CRM, written out, and marked as told only when it is safely written."""

from worker.results.codes import explained
from worker.results.receipts import Written
from worker.results.writing import FORMS, write_file, write_stream

__all__ = ["FORMS", "Written", "explained", "write_file", "write_stream"]
