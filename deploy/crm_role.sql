-- The role of a CRM that fills the table crm_rows: it may insert rows and read how they stand, and nothing else.
-- Run it once, as the owner of the worker's tables, in the worker's database (PostgreSQL); twice does no harm:
--     psql "$DATABASE_URL" -f deploy/crm_role.sql
-- Then let the CRM's own login have the role:
--     CREATE ROLE my_crm LOGIN PASSWORD '…';  GRANT vitec_crm TO my_crm;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vitec_crm') THEN
        CREATE ROLE vitec_crm NOLOGIN;
    END IF;
END
$$;

REVOKE ALL ON crm_rows FROM vitec_crm;
GRANT INSERT (feed, kind, source_id, customer_id, data, after, send_after, expires_at) ON crm_rows TO vitec_crm;
GRANT SELECT (
    id, feed, kind, source_id, customer_id, data, after, send_after, expires_at, created_at,
    state, remote_id, ticket, error_code, error_text, error_detail, taken_at, sent_at, ended_at, updated_at
) ON crm_rows TO vitec_crm;
GRANT USAGE ON SEQUENCE crm_rows_id_seq TO vitec_crm;
