-- The sessions of a backup that runs on this database: pid, and whether its snapshot is taken.
-- pg_dump's snapshot is the one of its long transaction; the statements before that one begin and end with their own
-- transaction. A reader who has a transaction open must call pg_stat_clear_snapshot() first, or sees an old picture.
SELECT pid, backend_xmin IS NOT NULL AND xact_start < query_start AS snapshot
FROM pg_catalog.pg_stat_activity
WHERE datname = current_database()
  AND application_name = 'rollback-backup';
