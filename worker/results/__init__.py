"""Results: what is new for the CRM, written out, and marked as told only when it is safely written."""

from worker.results.codes import explain_code
from worker.results.receipts import Written
from worker.results.writing import FORMS, write_file, write_stream

__all__ = ["FORMS", "Written", "explain_code", "write_file", "write_stream"]
