"""Every name by which a page of Vitec's documents a field: in the JSON, the table, the XML, the code and in Swedish."""

_LEAD_SOURCE = (
    "Leadskälla - Det lead som skapas i samband med anmälan till visning kommer att kopplas till aktuell leadskälla. "
    "Leadskällan får inte ha något definierat arbetsflöde, dvs det skall bara innehålla information. Om fältet inte anges, "
    "kommer leadet att kopplas till en förvald leadskälla."
)
_MESSAGE = (
    "Meddelande från kontaktpersonen. Meddelandet kommer att sparas på det lead som skapas i samband med att "
    "visningsdeltagaren läggs till."
)

DOCUMENTED_NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "appointment": {
        "customer_id": ("customerId", "Kund-id"),
        "user_id": ("id", "Id på användaren"),
        "subject": ("Subject", "subject", "Ämne"),
        "location": ("Location", "location", "Plats"),
        "starts_at": ("StartsAt", "startsAt", "Startdatum och tid"),
        "ends_at": ("EndsAt", "endsAt", "Slutdatum och tid"),
        "all_day_event": ("AllDayEvent", "allDayEvent", "Hela dagen"),
        "note": ("Note", "note", "Anteckning"),
        "recurrence": ("Recurrence", "recurrence", "Återkommande"),
        "recurrence_pattern": ("RecurrencePattern", "recurrencePattern", "Återkommande per år/månad/vecka/dag"),
        "recurrence_day_of_weeks": (
            "RecurrenceDayOfWeeks",
            "recurrenceDayOfWeeks",
            "Dag/dagar i veckan (används får veckoliga möten)",
        ),
        "recurrence_interval": ("RecurrenceInterval", "recurrenceInterval", "Interval"),
        "recurrence_month": ("RecurrenceMonth", "recurrenceMonth", "Månaden (används för månatliga möten)"),
        "recurrence_day": (
            "RecurrenceDay",
            "recurrenceDay",
            "Dag i månaden (använs för årliga och månatliga möten)",
        ),
    },
    "comeback": {
        "customer_id": ("customerId", "Kundid"),
        "contact_id": ("contactId", "Id på kontakt"),
        "date": ("Date", "date", "Tid och datum för återkomsten"),
        "meeting_id": ("MeetingId", "meetingId", "Id på ursprungligt kundmötee"),
        "estate_id": ("EstateId", "estateId", "Id på bostad"),
        "participant_user_id": (
            *(
                "UserId",
                "userId",
                "participant.userId",
                "Participant.UserId",
                "participant/userId",
                "PARTICIPANT USERID",
            ),
            *("participant_userId", "Participant/UserId", "Deltagare.userId", "Deltagare"),
        ),
        "participant_user_group_id": ("UserGroupId", "userGroupId", "participant.userGroupId", "Deltagare/UserGroupId"),
        "participant_office_id": ("OfficeId", "officeId", "participant.officeId", "Participant OfficeId"),
        "participant": ("Participant", "participant"),
        "note": ("Note", "note", "Anteckning"),
    },
    "viewing_registration": {
        "customer_id": ("customerId", "Kundid"),
        "viewing_id": ("viewingId", "Visningsid"),
        "time_slot_id": ("timeSlotId", "Id på visningstillfället"),
        "contact_id": ("contactId", "Id på kontakten."),
        "participated": ("Participated", "participated", "Deltog"),
        "reminder_time": ("ReminderTime", "reminderTime", "Minuter innan visningen som påminnelse ska skickas ut"),
        "sms_reminder": ("SMSReminder", "smsReminder", "sMSReminder", "SMS påminnelse"),
        "mail_confirmation": ("MailConfirmation", "mailConfirmation", "Bekräftelse via epost"),
        "sms_confirmation": ("SMSConfirmation", "smsConfirmation", "Bekräftelse via SMS"),
        "contact_message": ("ContactMessage", "contactMessage", _MESSAGE, "Meddelande från kontaktpersonen"),
        "lead_source_id": ("LeadSourceId", "leadSourceId", _LEAD_SOURCE, "Leadskälla"),
        "options_is_deadline_validation_enabled": (
            *("IsDeadlineValidationEnabled", "isDeadlineValidationEnabled", "d2p1:IsDeadlineValidationEnabled"),
            *("options.isDeadlineValidationEnabled", "Options.IsDeadlineValidationEnabled"),
        ),
        "options_enable_booking_limit_validation": (
            *("EnableBookingLimitValidation", "enableBookingLimitValidation", "d2p1:EnableBookingLimitValidation"),
            *("options.enableBookingLimitValidation", "Options/d2p1:EnableBookingLimitValidation"),
        ),
        "options": ("Options", "options", "Alternativ som rör bokningen"),
    },
    "viewing_cancellation": {
        "customer_id": ("customerId", "Kundid"),
        "viewing_id": ("viewingId", "Visningsid"),
        "time_slot_id": ("timeSlotId", "Id på visningstillfället"),
        "contact_id": ("contactId", "Id på kontakten."),
    },
    "order_status": {
        "customer_id": ("customerId", "Kund-id"),
        "order_id": ("id", "orderId", "Id på beställningen"),
        "status": ("status", "Status"),
        "comment": ("comment", "Comment"),
    },
    "notification": {
        "customer_id": ("customerId",),
        "header": ("Header", "header", "Rubrik"),
        "message": ("Message", "message", "Meddelande"),
        "sms": ("SMS", "sms", "sMS", "SMS notifiering"),
        "express": ("Express", "express", "Express notifiering"),
        "recipients": ("Recipients", "recipients", "Notifierings mottagare(userId)", "Notifierings mottagare"),
    },
    "order_token": {
        "customer_id": ("customerId", "Kund-id"),
        "data": ("Data", "data", "Token data som ni fått som inparameter till beställningen"),
    },
}
"""Kind → field, or nested object → its documented names."""
