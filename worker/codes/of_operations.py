"""The codes of operations, and of entries in their history; those of one kind alone stand in the kind."""

from collections.abc import Mapping
from typing import Final

from worker.kind import CodeText

_WAITS: Final = ("Nothing: it is sent again by itself.", "Ingenting: det skickas igen av sig självt.")
_LOOK: Final = (
    "Look it up at Vitec, then use `vitec-sync resolve`.",
    "Titta efter i Vitec och använd sedan `vitec-sync resolve`.",
)


def _text(english: str, swedish: str, remedies: tuple[str, str]) -> CodeText:
    return CodeText(english, remedies[0], swedish, remedies[1])


OPERATION_TEXTS: Final[Mapping[str, CodeText]] = {
    "refused": CodeText(
        "Vitec refused it.",
        "Mend the row in the CRM and export it again.",
        "Vitec tog inte emot det.",
        "Rätta raden i CRM-systemet och exportera den igen.",
    ),
    "not_found": CodeText(
        "Vitec does not know one of its ids.",
        "Correct the id in the CRM and export it again.",
        "Vitec känner inte till ett av radens id.",
        "Rätta id:t i CRM-systemet och exportera raden igen.",
    ),
    "exhausted": CodeText(
        "Every try was without effect or, where a kind is sent again in doubt, in doubt; there are none left.",
        "See that Vitec can be reached. Look it up there if its detail says that it was in doubt; then requeue it.",
        "Alla försök har varit utan verkan eller ovissa, och inga återstår.",
        "Se till att Vitec kan nås. Titta efter där, om det står att utgången var oviss; köa sedan om det.",
    ),
    "unforeseen": CodeText(
        "The worker failed in a way that nobody foresaw.",
        "Report it with what `vitec-sync show` tells: the error's name stands in its history.",
        "Programmet stötte på ett fel som ingen hade förutsett.",
        "Anmäl felet tillsammans med det som `vitec-sync show` visar: felets namn står i historiken.",
    ),
    "parent_failed": CodeText(
        "The row it comes after ended without success.",
        "Mend that row first, then requeue this one.",
        "Raden som den kommer efter lyckades inte.",
        "Rätta den raden först och köa sedan om den här.",
    ),
    "parent_without_result": CodeText(
        "The row it comes after succeeded without the id that this one needs.",
        "Write that id into the row in the CRM and export it again.",
        "Raden som den kommer efter lyckades, men gav inte det id som den här behöver.",
        "Skriv id:t i raden i CRM-systemet och exportera den igen.",
    ),
    "parent_missing": CodeText(
        "It waits for a row that has not been exported.",
        "Export that row, too, or take this one back.",
        "Den väntar på en rad som inte har exporterats.",
        "Exportera även den raden, eller ta tillbaka den här.",
    ),
    "parent_circle": CodeText(
        "It waits for a row that waits for this one in its turn.",
        "Correct in the CRM what comes after what, and export it again.",
        "Den väntar på en rad som i sin tur väntar på den här.",
        "Rätta i CRM-systemet vilken rad som kommer efter vilken och exportera igen.",
    ),
    "expired": CodeText(
        "Its time ran out before it was sent.",
        "Export it again with a later time if it is wanted.",
        "Tiden gick ut innan det hann skickas.",
        "Exportera raden igen med en senare tid, om den behövs.",
    ),
    "cancelled": CodeText(
        "It was taken back.",
        "Nothing, unless it is wanted after all: then requeue it.",
        "Det togs tillbaka.",
        "Ingenting, om det inte behövs ändå: köa i så fall om det.",
    ),
    "worker_died": _text(
        "The worker stopped while it was being sent; Vitec may have acted.",
        "Programmet stannade medan det skickades; Vitec kan ha utfört det.",
        _LOOK,
    ),
    "unanswered": _text(
        "Vitec did not answer completely; it may have acted.",
        "Vitec svarade inte fullständigt; det kan ha utförts.",
        _LOOK,
    ),
    "unreadable_answer": CodeText(
        "Vitec accepted it, but its answer could not be read.",
        "See what came with `vitec-sync show ID --reveal`: the id may stand there. Look it up at Vitec, then use"
        " `vitec-sync resolve`.",
        "Vitec tog emot det, men svaret gick inte att läsa.",
        "Se svaret med `vitec-sync show ID --reveal`: id:t kan stå där. Titta efter i Vitec och använd sedan"
        " `vitec-sync resolve`.",
    ),
    "unwritable": CodeText(
        "Vitec answered, and the database refused to record the answer; Vitec may have acted.",
        f"{_LOOK[0]} Report it, too: such an answer was not foreseen.",
        "Vitec svarade, men databasen kunde inte spara svaret; Vitec kan ha utfört det.",
        f"{_LOOK[1]} Anmäl det också: ett sådant svar var inte förutsett.",
    ),
    "server_error": _text(
        "Vitec reported an error of its own; it may have acted.",
        "Vitec svarade med ett eget fel; det kan ha utförts.",
        _LOOK,
    ),
    "redirected": CodeText(
        "Vitec pointed elsewhere, which is never followed.",
        "Check VITEC_BASE_URL.",
        "Vitec hänvisade till en annan adress, och det följs aldrig.",
        "Kontrollera VITEC_BASE_URL.",
    ),
    "conflict": _text(
        "Vitec reported a conflict; it may be there already.",
        "Vitec svarade att det krockar med något; det kan redan finnas där.",
        _LOOK,
    ),
    "repeated_id": CodeText(
        "Vitec carried it out, and gave it an id that another one has, too.",
        "Nothing has to be done for it; the id does not name it at Vitec.",
        "Vitec utförde det, men gav det ett id som redan används av något annat.",
        "Inget behöver göras; id:t pekar bara inte ut just det här i Vitec.",
    ),
    "answer_in_question": CodeText(
        "More answers came on its connection than were due, so the one it got may be another's.",
        "Look it up at Vitec, then use `vitec-sync resolve`; its id may be wrong.",
        "Det kom fler svar än väntat på förbindelsen, så svaret kan höra till något annat.",
        "Titta efter i Vitec och använd sedan `vitec-sync resolve`; id:t kan vara fel.",
    ),
    "acted_twice": CodeText(
        "There is evidence that Vitec acted twice.",
        "Look at Vitec, and remove what is there twice.",
        "Det finns tecken på att Vitec har utfört det två gånger.",
        "Titta i Vitec och ta bort det som finns där dubbelt.",
    ),
    "sent_before_change": CodeText(
        "Vitec carried out what was sent before the CRM changed it; the change came too late.",
        "Make the change in Vitec by hand, then use `vitec-sync resolve` with --delivered.",
        "Vitec utförde det som skickades innan raden ändrades i CRM-systemet; ändringen kom för sent.",
        "Gör ändringen för hand i Vitec och använd sedan `vitec-sync resolve` med --delivered.",
    ),
    "unauthorized": CodeText(
        "Vitec refused the login for this customer.",
        "Correct the credentials.",
        "Vitec godtog inte inloggningen för den här kunden.",
        "Rätta inloggningsuppgifterna.",
    ),
    "forbidden": CodeText(
        "Vitec grants no right to this customer's data.",
        "Ask Vitec for the right.",
        "Vitec ger inte behörighet till den här kundens uppgifter.",
        "Be Vitec om behörigheten.",
    ),
    "throttled": _text("Vitec asked to wait.", "Vitec bad oss vänta.", _WAITS),
    "foreign_answer": CodeText(
        "A page of HTML came, or the words of a proxy, where Vitec's API should have answered.",
        "Check VITEC_BASE_URL, and what stands between here and Vitec. In doubt, look it up at Vitec, then use"
        " `vitec-sync resolve`.",
        "En webbsida eller en proxy svarade där Vitecs API borde ha svarat.",
        "Kontrollera VITEC_BASE_URL och det som ligger mellan oss och Vitec. Är utgången oviss: titta efter i Vitec och"
        " använd sedan `vitec-sync resolve`.",
    ),
    "unreachable": _text(
        "Vitec could not be reached; nothing was sent.", "Vitec gick inte att nå; inget skickades.", _WAITS
    ),
    "revoked": _text("It was withdrawn before anything was sent.", "Det drogs tillbaka innan något skickades.", _WAITS),
}
"""The codes of operations, whatever their kind: how they ended, or what they wait for."""

CONTACT_NOT_FOUND: Final = CodeText(
    "Vitec does not know one of its ids. The contact may have been merged with another one there.",
    "Look the contact up at Vitec, and export it again with the id that stands there now.",
    "Vitec känner inte till ett av radens id. Kontakten kan ha slagits ihop med en annan där.",
    "Sök upp kontakten i Vitec och exportera raden igen med det id som den har nu.",
)
"""Of `not_found`, for kinds that name a contact."""
