-- The watchdog of the fence: opens it when no runner has been alive for a set time. Runs inside the server, started by the
-- runner on a connection to the maintenance database and then left alone: it goes on when the runner, its machine or the
-- network is gone. The only means that does not need anybody else to be alive.
--
-- READS     rollback.watched         oid of the database, so that it is followed through a renaming
--           rollback.orphan_seconds  how long it may be closed without a runner, who is known by the lock of lock_runner
-- CHANGES   ALLOW_CONNECTIONS of that database, once, to true; nothing else
-- ENDS      after that; when the database is open and no runner lives; when the database is gone. While a runner lives it
--           stays, even where the fence is open for a moment (a dump connects)
-- LOCKS     a shared advisory lock ("fenc", oid), by which others see it; several watchdogs do no harm
--
-- It must be sent as a statement of its own, outside any transaction: each round ends with COMMIT, so that neither snapshot
-- nor transaction is held. It says nothing to its client, who may be gone: a word to nobody would end it.
DO $watchdog$
DECLARE
    watched CONSTANT oid := current_setting('rollback.watched')::oid;
    patience CONSTANT interval := make_interval(secs => current_setting('rollback.orphan_seconds')::float8);
    seen timestamptz := clock_timestamp();
    stand record;
BEGIN
    PERFORM pg_advisory_lock_shared(x'66656E63'::int, watched::int8::bit(32)::int);
    LOOP
        SELECT d.datname AS name,
               d.datallowconn AS open,
               EXISTS (SELECT FROM pg_locks AS l
                        WHERE l.locktype = 'advisory' AND l.granted AND l.database = watched AND l.objsubid = 2
                          AND l.classid = x'726F6C6C'::int::oid AND l.objid = x'6261636B'::int::oid) AS runner
          INTO stand
          FROM pg_database AS d
         WHERE d.oid = watched;
        EXIT WHEN NOT FOUND;
        IF stand.runner THEN
            seen := clock_timestamp();
        ELSIF stand.open THEN
            EXIT;
        ELSIF clock_timestamp() - seen >= patience THEN
            EXECUTE format('ALTER DATABASE %I ALLOW_CONNECTIONS true', stand.name);
            RAISE LOG 'rollback: no runner for % s, so the fence around % was opened', extract(epoch FROM patience), stand.name;
            EXIT;
        END IF;
        COMMIT;
        PERFORM pg_sleep(0.5);
        COMMIT;
    END LOOP;
END
$watchdog$
