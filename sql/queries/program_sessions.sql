-- The sessions of a program of the runbook on one database: pid, and whether its snapshot is taken.
-- pg_dump's snapshot is the one of its long transaction, which its workers take over; the statements before that one
-- begin and end with their own transaction. A reader who has a transaction open must call pg_stat_clear_snapshot()
-- first, or sees an old picture.
SELECT pid, coalesce(backend_xmin IS NOT NULL AND xact_start < query_start, false) AS snapshot
FROM pg_catalog.pg_stat_activity
WHERE datname = %(database)s
  AND application_name = %(application)s;
