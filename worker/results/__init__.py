"""Results: all that is new for the CRM, written out and then marked as reported."""

from worker.codes.registry import explain_code
from worker.results.row_outcomes import RowOutcome, outcome_of
from worker.results.run import keep_code_words, write_results
from worker.results.table import write_rows_back
from worker.results.writing import FORMS, Written, write_file, write_stream

__all__ = [
    "FORMS",
    "RowOutcome",
    "Written",
    "explain_code",
    "keep_code_words",
    "outcome_of",
    "write_file",
    "write_results",
    "write_rows_back",
    "write_stream",
]
