-- Drops production's journal and archive from a clone: its runs are not staging's, and it holds what nobody masked. Then
-- the event triggers that quiet.sql switched off are as they were. In the transaction of mask.sql.
DROP SCHEMA IF EXISTS rollback CASCADE;

DO $$
BEGIN
    EXECUTE current_setting('rehearsal.loud');
END
$$;
