"""The words of CRMs and calendars, Swedish and English: headings by field, and the words that stand in cells."""

from collections.abc import Iterable, Mapping
from typing import Final

from worker.mapping.converting import fold_word


def _split(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


_USER = _split(
    "Mäklare, Handläggare, Ansvarig mäklare, Ansvarig, Ansvarig handläggare, Användare, Användar-id, Mäklar-id,"
    " Medarbetare, Kalender, Agent, Broker, Realtor, User, User id, Assignee, Assigned to, Owner, Resurs, Tilldelad, Vem"
)
_NOTE = _split(
    "Intern kommentar, Anteckning, Anteckningar, Kommentar, Kommentarer, Notering, Noteringar, Beskrivning, Description,"
    " Comment, Comments, Notes, Note, Memo, Information, Info, Övrigt, Detaljer, Details, Fritext, Text"
)
HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "source_id": _split(
        "Ärendenr, Ärendenummer, Ärende-id, Ärende, Bokningsnr, Bokningsnummer, Boknings-id, Bokning, Löpnr, Löpnummer,"
        " Nr, Nummer, Post-id, Rad-id, Referens, Referensnr, Ref, Externt id, External id, Händelse-id, Event id,"
        " Aktivitets-id, Uppföljnings-id, Anmälnings-id, Record id, Primärnyckel, Nyckel, Key, GUID, UUID, UID, Number, No, #"
    ),
    "customer_id": _split(
        "Kontor, Kontors-id, Kontorsnr, Kund, Kundnr, Kundnummer, Vitec-kund, Vitec kund-id, Byrå, Office, Office id,"
        " Customer, Customer id, Branch, Branch id, Företag, Firma, Bolag, Avdelning"
    ),
    "user_id": _USER,
    "subject": _split(
        "Rubrik på mötet, Rubrik, Mötesrubrik, Titel, Title, Subject, Summary, Sammanfattning, Benämning, Ämne, Händelse,"
        " Aktivitet, Vad, What, Ärende"
    ),
    "location": _split(
        "Var, Plats, Mötesplats, Lokal, Adress, Besöksadress, Location, Place, Where, Address, Ställe, Rum, Room"
    ),
    "starts_at": _split(
        "Börjar, Start, Startar, Starttid, Startdatum, Starttidpunkt, Början, Från, Fr.o.m., Inleds, Starts, Starts at,"
        " Start date, Start time, Begins, Begin, From, DTSTART, Datum och tid, Datum, Date, Tid, Time, När, When"
    ),
    "ends_at": _split(
        "Slutar, Slut, Sluttid, Slutdatum, Sluttidpunkt, Till, T.o.m., Avslutas, Ends, Ends at, End, End date, End time,"
        " Finish, To, Until, DTEND"
    ),
    "all_day_event": _split(
        "Heldag, Heldagshändelse, Hela dagen, Heldagsmöte, All day, All day event, Heldagsevenemang"
    ),
    "note": _NOTE,
    "recurrence": _split("Upprepas, Återkommer, Serie, Recurring, Repeats, Upprepad"),
    "recurrence_pattern": _split("Upprepning, Upprepningsmönster, Mönster, Frekvens, Frequency, Pattern, Repeat"),
    "recurrence_day_of_weeks": _split("Veckodagar, Veckodag, Dagar, Weekdays, Days of week"),
    "recurrence_interval": _split("Upprepningsintervall, Intervall, Interval"),
    "recurrence_month": _split("Månad, Month"),
    "recurrence_day": _split("Dag i månad, Day of month"),
    "contact_id": _split(
        "Kontakt, Kontakt-id, Kontaktperson, Contact, Contact id, Spekulant, Spekulant-id, Intressent, Köpare, Säljare,"
        " Person, Person-id, Client, Klient, Lead, Besökare, Vem"
    ),
    "date": _split(
        "Återkom, Återkomst, Återkomstdatum, Återkommer, Uppföljning, Uppföljningsdatum, Följ upp, Ring, Ring upp, Ring senast,"
        " Follow up, Follow up date, Due, Due date, Due at, Callback, Förfaller, Förfallodatum, Påminn, Datum och tid, Datum,"
        " Date, Tid, Time, När, When, Börjar, Start, Startar, Starttid, Startdatum, Från, Begins, Starts, Start time"
    ),
    "meeting_id": _split("Kundmöte, Mötes-id, Möte, Ursprungligt möte, Meeting, Meeting id, Original meeting"),
    "estate_id": _split(
        "Objekt, Objekt-id, Objektnr, Objektnummer, Bostad, Bostads-id, Fastighet, Lägenhet, Estate, Property, Listing"
    ),
    "participant_user_id": (*_USER, *_split("Deltagare, Utförs av, Participant")),
    "participant_user_group_id": _split("Grupp, Användargrupp, Team, Group, User group"),
    "participant_office_id": _split("Deltagande kontor, Participating office"),
    "viewing_id": _split("Visning, Visnings-id, Visningsnr, Viewing, Viewing id, Showing, Open house"),
    "time_slot_id": _split(
        "Visningstillfälle, Tillfälle, Tillfälles-id, Tid-id, Visningstid, Tidslucka, Slot, Time slot, Timeslot id, Pass"
    ),
    "participated": _split("Deltog, Kom, Närvarande, Närvaro, Attended, Participated, Var där"),
    "reminder_time": _split(
        "Påminnelse minuter, Påminnelse, Minuter före, Påminn minuter före, Reminder, Reminder minutes"
    ),
    "sms_reminder": _split("SMS-påminnelse, Påminnelse via SMS, Påminn med SMS, SMS reminder"),
    "mail_confirmation": _split(
        "Mejlbekräftelse, E-postbekräftelse, Bekräftelse via mejl, Bekräftelse e-post, Mail confirmation, Email confirmation"
    ),
    "sms_confirmation": _split("SMS-bekräftelse, Bekräftelse SMS, SMS confirmation"),
    "contact_message": _split("Meddelande, Hälsning, Message, Meddelande från spekulant"),
    "lead_source_id": _split("Leadskälla, Leadkälla, Källa, Lead source, Source"),
    "header": _split("Rubrik, Titel, Header, Title, Subject, Ämne, Headline"),
    "message": _split("Meddelande, Text, Meddelandetext, Innehåll, Message, Body, Content, Notistext"),
    "sms": _split("SMS, Skicka SMS, Via SMS, Send SMS"),
    "express": _split("Express, Brådskande, Bråttom, Urgent, Omgående"),
    "recipients": _split(
        "Mottagare, Mottagar-id, Notifieras, Recipients, Recipient, Till, To, Användare, Handläggare, Mäklare"
    ),
    "data": _split("Token, Orderbiljett, Orderticket, Order token, Beställningstoken, Biljett, Data, Tokendata"),
    "order_id": _split("Order, Order-id, Ordernr, Beställning, Beställnings-id, Beställningsnr, Order id"),
    "status": _split("Status, Orderstatus, Läge, Tillstånd, State"),
    "comment": _split("Kommentar, Anmärkning, Comment, Notering, Meddelande"),
    "expires_at": _split("Giltig till, Giltig t.o.m., Utgår, Expires, Valid until"),
    "send_after": _split("Skicka tidigast, Tidigast, Send after"),
}
"""Field → headings that mean it, the likeliest first. A heading may mean several: the kind and the values decide."""

KIND_HEADINGS: Final = _split(
    "Typ, Sort, Slag, Kategori, Typ av post, Posttyp, Händelsetyp, Aktivitetstyp, Mötestyp, Type, Kind, Category,"
    " Activity type, Record type, Aktivitet, Vad"
)
AFTER_HEADINGS: Final = _split(
    "Hör till, Hör till bokning, Hör till möte, Efter, Efter möte, Följer på, Föregående, Gäller bokning, Gäller möte,"
    " Parent, After, Related to, Relaterad till"
)
MARK_HEADINGS: Final = _split("Status, Läge, Tillstånd, State, Bokningsstatus, Avbokad, Raderad, Deleted, Cancelled")
PERSONAL_HEADINGS: Final = _split(
    "Telefon, Tel, Telefonnummer, Mobil, Mobilnummer, Mobiltelefon, E-post, Epost, Mejl, Mail, Email, Personnummer, Pnr,"
    " Namn, Förnamn, Efternamn, Kundnamn, Phone, Phone number, Mobile, Name, First name, Last name, Birthday, Födelsedatum,"
    " Personnr, Hemadress, Postadress, Gatuadress, Postnummer, Ort"
)


def _words(words_by_meaning: Mapping[str, str]) -> Mapping[str, str]:
    return {fold_word(word): meaning for meaning, words in words_by_meaning.items() for word in _split(words)}


KIND_WORDS: Final = _words(
    {
        "appointment": "möte, kundmöte, intagsmöte, intag, bokning, kalender, kalenderbokning, kalenderhändelse, fotografering,"
        " appointment, meeting, event, värdering, kontraktsskrivning, tillträde, besiktning",
        "comeback": "återkomst, uppföljning, återkoppling, ring, ring upp, samtal, callback, call back, follow-up, followup,"
        " follow up, comeback, påringning",
        "viewing_registration": "visningsanmälan, anmälan, anmälan till visning, visning, viewing_registration, registration,"
        " viewing registration, visningsbokning",
        "viewing_cancellation": "avanmälan, avbokning, avbokad visning, avanmälan från visning, viewing_cancellation,"
        " cancellation",
        "notification": "notis, notifiering, notification, avisering, meddelande",
        "order_token": "beställning, order, token, orderbiljett, order_token",
        "order_status": "orderstatus, beställningsstatus, order_status",
    }
)
MARK_WORDS: Final = frozenset(
    map(
        fold_word,
        _split(
            "avbokad, avbokat, inställd, inställt, makulerad, makulerat, struken, borttagen, raderad, återkallad, återtagen,"
            " annullerad, cancelled, canceled, deleted, withdrawn"
        ),
    )
)
FIELD_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "status": _words(
        {
            "OrderReceived": "mottagen, beställning mottagen, order mottagen, received, order received",
            "Delivered": "levererad, levererat, klar, utförd, delivered",
            "Error": "fel, misslyckad, error, failed",
            "Canceled": "avbruten, avbeställd, makulerad, annullerad, cancelled, canceled",
            "UserInteraction": "kräver åtgärd, väntar på kund, väntar på svar, user interaction",
        }
    ),
    "recurrence_pattern": _words(
        {
            "Daily": "daglig, dagligen, varje dag, dag, daily",
            "Weekly": "veckovis, varje vecka, vecka, weekly",
            "Monthly": "månadsvis, varje månad, månad, monthly",
            "Yearly": "årlig, årligen, varje år, år, yearly",
        }
    ),
    "recurrence_day_of_weeks": _words(
        {
            "Monday": "måndag, mån, må, monday, mon",
            "Tuesday": "tisdag, tis, ti, tuesday, tue",
            "Wednesday": "onsdag, ons, on, wednesday, wed",
            "Thursday": "torsdag, tors, tor, to, thursday, thu",
            "Friday": "fredag, fre, fr, friday, fri",
            "Saturday": "lördag, lör, lö, saturday, sat",
            "Sunday": "söndag, sön, sö, sunday, sun",
        }
    ),
}
"""Field → the folded words of cells → Vitec's word."""

YES_WORDS: Final = _split("ja, j, yes, y, sant, sann, true, t, 1, x, på, on, kryss, ✓, ✔")
NO_WORDS: Final = _split("nej, n, no, falskt, falsk, false, f, 0, av, off")
FLAG_WORDS: Final = frozenset(map(fold_word, (*YES_WORDS, *NO_WORDS)))
FLAGS_OF_READERS: Final = frozenset(_split("true, 1, yes, ja, sant, x, false, 0, no, nej, falskt"))
"""The words that every flag is understood by; only others have to stand in a mapping."""


def folded(headings: Iterable[str]) -> Mapping[str, int]:
    """Give headings without blanks and signs, with their place in the list: the likeliest has the first."""
    places: dict[str, int] = {}
    for place, heading in enumerate(headings):
        places.setdefault(squeeze(heading), place)
    return places


def squeeze(heading: str) -> str:
    """Give a heading's letters and digits alone, without case: `Start-tid` and `starttid` are one."""
    content = "".join(filter(str.isalnum, fold_word(heading)))
    return content or fold_word(heading)
