-- go_back.sql: give the name {database} to the copy that was taken before the rollback, in one transaction.
--
-- DOES      Ends every session on {database} and lets nobody connect, renames it to {aside}, renames the
--           copy {copy} to {database}, and gives it what CREATE DATABASE does not copy.
-- LOSES     What was written since the copy was taken is in {aside} only. Nothing is dropped.
-- BEFORE    Stop all services of the application. AFTER: bring the newer release back.
-- LOCKS     Two rows of pg_database, for milliseconds; nothing grows with the data.
-- BY HAND   psql -d postgres -v ON_ERROR_STOP=1 -f THIS-FILE      (as the owner of both, or as a superuser)
--           If it stops before COMMIT, nothing is renamed: mend what it says and run it again, or let everybody in as
--           before: psql -d postgres -c 'ALTER DATABASE {database} ALLOW_CONNECTIONS true'
\set ON_ERROR_STOP on
DO $look$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_database WHERE datname = {copy_name}) THEN
        RAISE EXCEPTION 'There is no database %: it was renamed or dropped before. Nothing was done.', {copy_name};
    END IF;
END
$look$;
ALTER DATABASE {database} ALLOW_CONNECTIONS false;
DO $wait$
BEGIN
    FOR i IN 1 .. 100 LOOP
        PERFORM pg_stat_clear_snapshot();
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ({database_name}, {copy_name});
        EXIT WHEN NOT FOUND;
        PERFORM pg_sleep(0.1);
    END LOOP;
END
$wait$;
BEGIN;
ALTER DATABASE {database} RENAME TO {aside};
ALTER DATABASE {copy} RENAME TO {database};
{properties}
ALTER DATABASE {database} ALLOW_CONNECTIONS true;
ALTER DATABASE {aside} ALLOW_CONNECTIONS true;
COMMIT;
-- The copy was taken in the middle of a run: its journal learns that this run's work is gone.
\connect {database}
UPDATE rollback.step SET outcome = 'failed', ended = clock_timestamp() WHERE outcome = 'running';
UPDATE rollback.run SET outcome = 'failed', ended = clock_timestamp(), state = 'Gone back to the copy taken before the commit.'
 WHERE outcome = 'running';
