"""The codes of rejected rows.

The Swedish sentences take details over from the English ones of the row: `[: {words}]` stands only where there are any.
"""

from collections.abc import Mapping
from typing import Final

from worker.kind import CodeText

ROW_TEXTS: Final[Mapping[str, CodeText]] = {
    "missing": CodeText(
        "A value is missing that no row of its kind may lack.",
        "Fill it in.",
        "Värdet saknas.",
        "Fyll i det[, {choice}].",
    ),
    "bad_after": CodeText(
        "The cell does not name the row that this one comes after.",
        "Write kind:source_id, as in appointment:A-17.",
        "Cellen pekar inte ut någon annan rad.",
        "Skriv typ:id, till exempel appointment:A-17.",
    ),
    "bad_id": CodeText(
        "The id holds characters that no such id has, or is too long.",
        "Check the id.",
        "Id:t innehåller otillåtna tecken eller är för långt.",
        "Kontrollera id:t: bara bokstäver, siffror, _ och - får stå där.",
    ),
    "bad_payload": CodeText(
        "The row is not as it was recorded.",
        "Import it again.",
        "Raden ser inte ut som när den sparades.",
        "Läs in den igen.",
    ),
    "bad_token": CodeText(
        "The token is damaged.",
        "Copy the token from the URL as it stands.",
        "Beställningens token är skadad.",
        "Kopiera token ur adressen precis som den står.",
    ),
    "control_character": CodeText(
        "The cell holds a control character.",
        "Remove it; check the file's encoding.",
        "Cellen innehåller ett styrtecken eller en radbrytning som inte får finnas där.",
        "Ta bort det och kontrollera filens teckenkodning.",
    ),
    "invisible_character": CodeText(
        "The id holds an invisible character.",
        "Take it out of the id.",
        "Id:t innehåller ett osynligt tecken.",
        "Ta bort det, enklast genom att skriva om id:t.",
    ),
    "too_long": CodeText(
        "The value is too long, or lists too many values.",
        "Shorten it, or split the row.",
        "Värdet är för långt[: högst {limit} tillåts].",
        "Korta det eller dela upp raden.",
    ),
    "wrong_type": CodeText(
        "The value is of another type than the field.",
        "Give one value, as text.",
        "Värdet är av fel slag.",
        "Ange ett enda värde, som text.",
    ),
    "not_a_flag": CodeText(
        "The cell says neither yes nor no.",
        "Write ja or nej, or leave it empty.",
        "Där står varken ja eller nej.",
        "Skriv ja eller nej, eller lämna cellen tom.",
    ),
    "not_a_number": CodeText(
        "The cell is no whole number.",
        "Write digits only.",
        "Det är inget heltal.",
        "Skriv bara siffror.",
    ),
    "out_of_range": CodeText(
        "The number, day or year lies outside of what is possible.",
        "Correct it.",
        "Värdet är orimligt eller ligger utanför det tillåtna.",
        "Rätta det[: {range}].",
    ),
    "unknown_word": CodeText(
        "The cell is none of the words that the field may have.",
        "Write one of them.",
        "Ordet är inget av dem som får stå där.",
        "Skriv ett av de tillåtna orden[: {words}].",
    ),
    "several_values": CodeText(
        "The cell holds several values, or one with such a sign in it.",
        "Write | between them.",
        "Cellen tycks innehålla flera värden.",
        "Skilj dem åt med | (lodstreck).",
    ),
    "not_a_time": CodeText(
        "The cell is no date with a time of day.",
        "Write it as 2026-12-02 09:15.",
        "Det är inget datum med klockslag.",
        "Skriv det som 2026-12-02 09:15.",
    ),
    "no_such_time": CodeText(
        "Stockholm's clocks skip this time when summer time begins.",
        "Choose another time, or write the offset.",
        "Klockslaget finns inte: klockan ställs fram då, när sommartiden börjar.",
        "Välj en annan tid.",
    ),
    "ambiguous_time": CodeText(
        "The time can mean two moments.",
        "Write it with its offset from UTC, or in a form that is certain.",
        "Tiden kan betyda två olika tidpunkter.",
        "Skriv tidszonen efter, som i 2027-10-31T02:30+01:00, eller skriv datumet som 2027-10-31.",
    ),
    "ends_before_start": CodeText(
        "The end lies before the start.",
        "Correct one of the two.",
        "Slutet ligger före början.",
        "Rätta en av tiderna.",
    ),
    "lasts_too_long": CodeText(
        "The end lies too long after the start.",
        "Correct the year of one of the two.",
        "Slutet ligger orimligt långt efter början.",
        "Rätta året i en av tiderna.",
    ),
    "not_recurring": CodeText(
        "A detail of recurrence is given, but the appointment does not recur.",
        "Give the recurrence, or leave it empty.",
        "Något om återkommande möte är ifyllt, men mötet återkommer inte.",
        "Ange hur mötet återkommer, eller lämna cellen tom.",
    ),
    "second_participant": CodeText(
        "More than one participant is given.",
        "Keep one participant and empty the others.",
        "Mer än en deltagare är angiven.",
        "Behåll en deltagare och töm de andra cellerna.",
    ),
    "given_twice": CodeText(
        "The same field is given in two places.",
        "Give it once.",
        "Samma uppgift står på två ställen.",
        "Ange den bara en gång.",
    ),
    "unknown_field": CodeText(
        "A value is given that this kind of row has no field for.",
        "Leave it empty for rows of this kind.",
        "Den här sortens rad har ingen sådan uppgift.",
        "Lämna cellen tom för sådana rader[, eller skriv värdet i {instead}].",
    ),
    "unknown_kind": CodeText(
        "There is no such kind of row.",
        "Write the name of a kind.",
        "Det finns ingen sådan sorts rad.",
        "Skriv en av sorterna[: {words}].",
    ),
    "other_kind": CodeText(
        "The row is of another kind than the import was told.",
        "Import it without --kind.",
        "Raden är av en annan sort än den som angavs vid importen.",
        "Läs in filen utan --kind.",
    ),
    "changed_by_spreadsheet": CodeText(
        "A spreadsheet has made a number or a date of it.",
        "Format the column as text before the id is typed in, and export it again.",
        "Ett kalkylprogram har gjort om värdet till ett tal eller ett datum.",
        "Formatera kolumnen som text, skriv in det rätta värdet och exportera igen.",
    ),
    "spreadsheet_error": CodeText(
        "A spreadsheet's error stands in the place of the value.",
        "Mend the cell's formula.",
        "Ett felvärde från kalkylprogrammet står i stället för värdet.",
        "Rätta cellens formel.",
    ),
    "encoded_twice": CodeText(
        "A letter was encoded twice.",
        "Export it again, as UTF-8 and only once.",
        "En bokstav har kodats två gånger (å, ä, ö ser ut som två tecken).",
        "Exportera igen som UTF-8.",
    ),
    "lost_letters": CodeText(
        "Letters were lost before the file came here.",
        "Export it again, as UTF-8 from the beginning.",
        "Bokstäver har gått förlorade innan filen kom hit.",
        "Exportera igen från CRM-systemet, som UTF-8.",
    ),
    "heading_again": CodeText(
        "The headings stand among the rows again.",
        "Leave the headings out, where they stand among the rows again.",
        "Rubrikraden står en gång till bland raderna.",
        "Ta bort den upprepade rubrikraden.",
    ),
    "totals_row": CodeText(
        "The line holds a total, and is no row.",
        "Leave the line with the sums out.",
        "Raden är en summarad.",
        "Ta bort summaraden ur exporten.",
    ),
    "repeated_source_id": CodeText(
        "The id stands in the file already.",
        "Give every row an id of its own.",
        "Samma id finns redan i filen[, på rad {line}].",
        "Ge varje rad ett eget id.",
    ),
    "other_customer": CodeText(
        "Its operation was recorded for another customer.",
        "Cancel the one that is recorded, and export this one under a new id.",
        "Raden är redan inläst för en annan kund.",
        "Ta tillbaka den som är inläst och exportera den här med ett nytt id.",
    ),
    "already_sent": CodeText(
        "It has been sent, and what was made at Vitec cannot be changed by a call.",
        "Change it in Vitec by hand, or export it under a new id.",
        "Den är redan skickad, och det som skapades i Vitec kan inte ändras härifrån.",
        "Ändra det för hand i Vitec, eller exportera raden med ett nytt id.",
    ),
    "withdrawn_too_late": CodeText(
        "The CRM took it back after it had been sent; what was made at Vitec is still there.",
        "Take it back in Vitec by hand, if it is not wanted there.",
        "Den togs tillbaka efter att den hade skickats, och finns kvar i Vitec.",
        "Ta bort den för hand i Vitec, om den inte ska finnas där.",
    ),
}
"""Of the values of a row, and of the row as a whole."""
