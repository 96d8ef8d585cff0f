"""Results go back into the rows of `crm_rows` that they came from, with the meaning of each code in words."""

from functools import partial

from worker.codes.language import Language
from worker.codes.registry import explain_code
from worker.outbox import Database
from worker.outbox.upkeep.write_back import write_back


def write_rows_back(db: Database, language: Language = Language.ENGLISH) -> int:
    """Write how operations stand into the rows that show them, a batch; returns how many operations it was."""
    return write_back(db, partial(_describe, language))


def _describe(language: Language, code: str | None, kind: str) -> str | None:
    explanation = explain_code(code, kind, language)
    return f"{explanation.text} {explanation.remedy}".strip() or None
