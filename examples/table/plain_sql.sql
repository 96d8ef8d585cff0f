-- A comeback, in the transaction in which the CRM books it. Any documented name of a field may stand in data.
INSERT INTO crm_rows (kind, source_id, customer_id, data)
VALUES (
    'comeback',
    'UPP-4711',
    'M30001',
    '{"contactId": "ADR0001", "date": "2027-03-02T09:15:00+01:00", "note": "Ring efter lunch"}'
);

-- The appointment comes first: the comeback is not sent before it has succeeded, nor before eight in the morning.
INSERT INTO crm_rows (kind, source_id, customer_id, after, send_after, expires_at, data)
VALUES (
    'comeback',
    'UPP-4712',
    'M30001',
    'comeback:UPP-4711',
    '2027-03-01T08:00:00+01:00',
    '2027-03-02T09:00:00+01:00',
    '{"Id på kontakt": "ADR0002", "Tid och datum för återkomsten": "2027-03-02 09:15"}'
);

-- How the rows stand.
SELECT source_id, state, remote_id, error_code, error_text, sent_at, ended_at
FROM crm_rows
ORDER BY id;
