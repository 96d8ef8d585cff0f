"""The words of the error codes, kept in the database for the readers of the view `operation_results`."""

from collections.abc import Mapping

from sqlalchemy import delete, insert, select

from models import CodeWords
from worker.outbox.database.database import Database

Words = Mapping[tuple[str, str], tuple[str, str]]
"""Text and remedy by code and kind; the kind is empty for all that have no text of their own."""


def keep_words(db: Database, words: Words) -> bool:
    """Make the table say exactly this; return whether it had to be changed."""
    query = select(CodeWords.code, CodeWords.kind, CodeWords.text, CodeWords.remedy)
    with db.read() as connection:
        present = {(row.code, row.kind): (row.text, row.remedy) for row in connection.execute(query)}
    if present == dict(words):
        return False
    rows = [
        {"code": code, "kind": kind, "text": text, "remedy": remedy} for (code, kind), (text, remedy) in words.items()
    ]
    with db.write() as connection:
        connection.execute(delete(CodeWords))
        connection.execute(insert(CodeWords), rows)
    return True
