"""What an error code means and what helps, in plain words for whoever reads the results."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Explanation:
    """A sentence that says what happened, and one that says what to do."""

    text: str
    remedy: str


_WAITS = "Nothing: it is sent again by itself."
_LOOK = "Look it up at Vitec, then use `vitec-sync resolve`."

CODES: Final[Mapping[str, Explanation]] = {
    "refused": Explanation("Vitec refused it.", "Mend the row in the CRM and export it again."),
    "not_found": Explanation("Vitec does not know one of its ids.", "Correct the id in the CRM and export it again."),
    "exhausted": Explanation(
        "Every try was without effect, and there are none left.", "See that Vitec can be reached, then requeue it."
    ),
    "unforeseen": Explanation(
        "The worker failed in a way that nobody foresaw.",
        "Report it with what `vitec-sync show` tells: the error's name stands in its history.",
    ),
    "nobody_notified": Explanation(
        "Vitec says that nobody was notified.", "Check the recipients in the CRM and export it again."
    ),
    "token_expired": Explanation("The order's token has expired at Vitec.", "Start the order anew from Vitec."),
    "parent_failed": Explanation(
        "The row it comes after ended without success.", "Mend that row first, then requeue this one."
    ),
    "parent_missing": Explanation(
        "It waits for a row that has not been exported.", "Export that row, too, or take this one back."
    ),
    "parent_circle": Explanation(
        "It waits for a row that waits for this one in its turn.",
        "Correct in the CRM what comes after what, and export it again.",
    ),
    "expired": Explanation(
        "Its time ran out before it was sent.", "Export it again with a later time if it is wanted."
    ),
    "cancelled": Explanation("It was taken back.", "Nothing, unless it is wanted after all: then requeue it."),
    "worker_died": Explanation("The worker stopped while it was being sent; Vitec may have acted.", _LOOK),
    "unanswered": Explanation("Vitec did not answer completely; it may have acted.", _LOOK),
    "unreadable_answer": Explanation("Vitec accepted it, but its answer could not be read.", _LOOK),
    "server_error": Explanation("Vitec reported an error of its own; it may have acted.", _LOOK),
    "redirected": Explanation("Vitec pointed elsewhere, which is never followed.", "Check VITEC_BASE_URL."),
    "conflict": Explanation("Vitec reported a conflict; it may be there already.", _LOOK),
    "acted_twice": Explanation(
        "There is evidence that Vitec acted twice.", "Look at Vitec, and remove what is there twice."
    ),
    "sent_before_change": Explanation(
        "Vitec carried out what was sent before the CRM changed it; the change came too late.",
        "Make the change in Vitec by hand, then use `vitec-sync resolve` with --delivered.",
    ),
    "unauthorized": Explanation("Vitec refused the login for this customer.", "Correct the credentials."),
    "forbidden": Explanation("Vitec grants no right to this customer's data.", "Ask Vitec for the right."),
    "throttled": Explanation("Vitec asked to wait.", _WAITS),
    "unreachable": Explanation("Vitec could not be reached; nothing was sent.", _WAITS),
    "revoked": Explanation("It was withdrawn before anything was sent.", _WAITS),
}


def explained(code: str | None) -> Explanation:
    """What the code means; an unknown one is at least shown. Nothing for None."""
    if code is None:
        return Explanation("", "")
    return CODES.get(code) or Explanation(f"It ended with the code {code}.", "See `vitec-sync show`.")
