"""The meaning of each error code and the remedy, in plain words for the readers of the results."""

from collections.abc import Mapping
from typing import Final

from worker.kind import CodeText
from worker.kinds import KINDS

_WAITS = "Nothing: it is sent again by itself."
_LOOK = "Look it up at Vitec, then use `vitec-sync resolve`."

_OF_EVERY_KIND: Final[Mapping[str, CodeText]] = {
    "refused": CodeText("Vitec refused it.", "Mend the row in the CRM and export it again."),
    "not_found": CodeText("Vitec does not know one of its ids.", "Correct the id in the CRM and export it again."),
    "exhausted": CodeText(
        "Every try was without effect or, where a kind is sent again in doubt, in doubt; there are none left.",
        "See that Vitec can be reached. Look it up there if its detail says that it was in doubt; then requeue it.",
    ),
    "unforeseen": CodeText(
        "The worker failed in a way that nobody foresaw.",
        "Report it with what `vitec-sync show` tells: the error's name stands in its history.",
    ),
    "parent_failed": CodeText(
        "The row it comes after ended without success.", "Mend that row first, then requeue this one."
    ),
    "parent_without_result": CodeText(
        "The row it comes after succeeded without the id that this one needs.",
        "Write that id into the row in the CRM and export it again.",
    ),
    "parent_missing": CodeText(
        "It waits for a row that has not been exported.", "Export that row, too, or take this one back."
    ),
    "parent_circle": CodeText(
        "It waits for a row that waits for this one in its turn.",
        "Correct in the CRM what comes after what, and export it again.",
    ),
    "superseded": CodeText(
        "Newer content of the same id took its place before it was sent.", "Nothing: see the newer row of this id."
    ),
    "expired": CodeText("Its time ran out before it was sent.", "Export it again with a later time if it is wanted."),
    "cancelled": CodeText("It was taken back.", "Nothing, unless it is wanted after all: then requeue it."),
    "worker_died": CodeText("The worker stopped while it was being sent; Vitec may have acted.", _LOOK),
    "unanswered": CodeText("Vitec did not answer completely; it may have acted.", _LOOK),
    "unreadable_answer": CodeText(
        "Vitec accepted it, but its answer could not be read.",
        "See what came with `vitec-sync show ID --reveal`: the id may stand there. Look it up at Vitec, then use"
        " `vitec-sync resolve`.",
    ),
    "unwritable": CodeText(
        "Vitec answered, and the database refused to record the answer; Vitec may have acted.",
        f"{_LOOK} Report it, too: such an answer was not foreseen.",
    ),
    "server_error": CodeText("Vitec reported an error of its own; it may have acted.", _LOOK),
    "redirected": CodeText("Vitec pointed elsewhere, which is never followed.", "Check VITEC_BASE_URL."),
    "conflict": CodeText("Vitec reported a conflict; it may be there already.", _LOOK),
    "repeated_id": CodeText(
        "Vitec carried it out, and gave it an id that another one has, too.",
        "Nothing has to be done for it; the id does not name it at Vitec.",
    ),
    "answer_in_question": CodeText(
        "More answers came on its connection than were due, so the one it got may be another's.",
        "Look it up at Vitec, then use `vitec-sync resolve`; its id may be wrong.",
    ),
    "acted_twice": CodeText(
        "There is evidence that Vitec acted twice.", "Look at Vitec, and remove what is there twice."
    ),
    "sent_before_change": CodeText(
        "Vitec carried out what was sent before the CRM changed it; the change came too late.",
        "Make the change in Vitec by hand, then use `vitec-sync resolve` with --delivered.",
    ),
    "unauthorized": CodeText("Vitec refused the login for this customer.", "Correct the credentials."),
    "forbidden": CodeText("Vitec grants no right to this customer's data.", "Ask Vitec for the right."),
    "throttled": CodeText("Vitec asked to wait.", _WAITS),
    "foreign_answer": CodeText(
        "A page of HTML came, or the words of a proxy, where Vitec's API should have answered.",
        "Check VITEC_BASE_URL, and what stands between here and Vitec. In doubt, look it up at Vitec, then use"
        " `vitec-sync resolve`.",
    ),
    "unreachable": CodeText("Vitec could not be reached; nothing was sent.", _WAITS),
    "revoked": CodeText("It was withdrawn before anything was sent.", _WAITS),
}
_OF_ROWS: Final[Mapping[str, CodeText]] = {
    "spreadsheet_error": CodeText(
        "A spreadsheet's error (#N/A, #SAKNAS!) stands in the place of a value.",
        "Mend the cell's formula in the spreadsheet, or empty it, and export it again.",
    ),
    "changed_by_spreadsheet": CodeText(
        "A spreadsheet has made a number or a date of an id, and its digits cannot be known any more.",
        "Export it from the CRM again without opening it in a spreadsheet, or with the column formatted as text.",
    ),
    "invisible_character": CodeText(
        "An id holds a character that cannot be seen, so it looks like another one.",
        "Take it out of the id in the CRM, and export it again.",
    ),
    "lost_letters": CodeText(
        "Letters were lost before the export was written: the sign for an unreadable one stands in their place.",
        "Mend the text in the CRM, or export it as UTF-8 from the beginning.",
    ),
    "encoded_twice": CodeText(
        "Letters were encoded twice: two odd signs stand for each å, ä, ö.",
        "Export it again as UTF-8, without converting it on the way.",
    ),
    "several_values": CodeText(
        "A cell lists several values, and it is not certain where each of them ends.",
        "Separate them by |, as in A1|B2.",
    ),
    "heading_again": CodeText(
        "A heading stands among the rows, in the place of an id.", "Nothing, if the headings stand in the file twice."
    ),
    "totals_row": CodeText(
        "The word for a sum stands in the place of an id: the line is no row.", "Nothing, if the line holds the sums."
    ),
    "lasts_too_long": CodeText(
        "The appointment ends about a year or more after its start.", "Correct the year of its start or its end."
    ),
}
"""Codes of rejected rows."""

CODES: Final[Mapping[str, CodeText]] = {
    **_OF_EVERY_KIND,
    **_OF_ROWS,
    **{code: text for kind in KINDS for code, text in kind.codes.items()},
}
"""The codes of every kind, and those that only one kind's `read` gives."""


_CONTACT_NOT_FOUND = CodeText(
    "Vitec does not know one of its ids. The contact may have been merged with another one there.",
    "Look the contact up at Vitec, and export it again with the id that stands there now.",
)
_OF_CONTACTS = frozenset(kind.kind for kind in KINDS if "contact_id" in kind.model_fields)


def explain_code(code: str | None, kind: str | None = None) -> CodeText:
    """Give the meaning and the remedy of a code, for that kind; of an unknown one its name. Two empty texts for None."""
    if code is None:
        return CodeText("", "")
    if code == "not_found" and kind in _OF_CONTACTS:
        return _CONTACT_NOT_FOUND
    return CODES.get(code) or CodeText(f"It ended with the code {code}.", "See `vitec-sync show`.")
