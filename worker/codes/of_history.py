"""The codes of entries in the history that are decisions, and the reasons of holds."""

from collections.abc import Mapping
from typing import Final

from worker.kind import CodeText

HISTORY_TEXTS: Final[Mapping[str, CodeText]] = {
    "requeued": CodeText(
        "A person had it sent after all.",
        "Nothing.",
        "En person lät det skickas ändå.",
        "Ingenting.",
    ),
    "cancel_asked": CodeText(
        "A person asked to take it back while it was being sent.",
        "Nothing: it is taken back if Vitec surely did not act.",
        "En person bad att få ta tillbaka det medan det skickades.",
        "Ingenting: det tas tillbaka om Vitec säkert inte har utfört det.",
    ),
    "delivered": CodeText(
        "A person found it at Vitec.",
        "Nothing.",
        "En person har sett att det finns i Vitec.",
        "Ingenting.",
    ),
    "seen": CodeText(
        "A person has looked at what was odd about its success.",
        "Nothing.",
        "En person har tittat på det som var konstigt.",
        "Ingenting.",
    ),
    "send_again": CodeText(
        "A person said that it is not at Vitec, and had it sent again.",
        "Nothing.",
        "En person såg att det inte finns i Vitec och lät skicka det igen.",
        "Ingenting.",
    ),
    "given_up": CodeText(
        "A person said that it is not at Vitec, and not wanted any more.",
        "Nothing.",
        "En person såg att det inte finns i Vitec och att det inte behövs längre.",
        "Ingenting.",
    ),
    "new_content": CodeText(
        "The CRM changed it, and the new content took the place of the old.",
        "Nothing.",
        "Raden ändrades i CRM-systemet, och det nya innehållet gäller.",
        "Ingenting.",
    ),
    "superseded": CodeText(
        "Newer content of the same id took its place before it was sent.",
        "Nothing: see the newer row of this id.",
        "Nyare innehåll med samma id tog dess plats innan det skickades.",
        "Ingenting: se den nyare raden med samma id.",
    ),
    "withdrawn": CodeText(
        "The CRM took it back before it was sent.",
        "Nothing, unless it is wanted after all: then export it again.",
        "CRM-systemet tog tillbaka det innan det skickades.",
        "Ingenting, om det inte behövs ändå: exportera i så fall raden igen.",
    ),
}
"""Decisions of people and of the CRM, as the history has them."""

HOLD_TEXTS: Final[Mapping[str, CodeText]] = {
    "unavailable": CodeText(
        "Vitec has failed or not answered several times in a row.",
        "Nothing: it is tried again by itself, one operation first.",
        "Vitec har svarat med fel, eller inte alls, flera gånger i rad.",
        "Ingenting: det prövas igen av sig självt, med en åtgärd först.",
    ),
    "paused": CodeText(
        "A person has paused it.",
        "End the pause with `vitec-sync resume` when it may be sent.",
        "En person har pausat det.",
        "Avsluta pausen med `vitec-sync resume` när det får skickas.",
    ),
}
"""The reasons of holds that are not codes of operations as well."""
