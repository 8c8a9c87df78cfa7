-- delete.sql: option 2 of the procedure for users without a password, before 012_rollback_oauth.sql.
--
-- REMOVES  THE USERS WITHOUT A PASSWORD AND ALL THAT HANGS ON THEM by ON DELETE CASCADE: subscriptions, twins, their
--          knowledge, conversations, messages, mail. Nothing of it goes to the archive; only the backup has it.
-- REFUSES  having changed nothing, where a row forbids it (benchmark_results.evaluated_by of somebody else's result).
-- KEEPS    updated_at of every row that stays: where a foreign key is set NULL, the updated_at trigger is off meanwhile.
-- LOCKS    tables with an updated_at trigger SHARE ROW EXCLUSIVE until commit; the time grows with the rows deleted, and
--          with whole tables where a foreign key has no index.
-- BY HAND  psql -1 -v ON_ERROR_STOP=1 -f delete.sql    (says so where nothing is to do)
DO $oauth$
DECLARE
    clock   record;
    clocks  text[] := '{}';
    item    text;
    changed bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.users')
                   AND attname = 'password_hash' AND NOT attnotnull) THEN
        RAISE NOTICE 'OAuth users: nothing to do, users.password_hash is NOT NULL';
        RETURN;
    END IF;
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '10s', true);
    END IF;
    PERFORM set_config('row_security', 'off', true); -- rows hidden by a policy must raise, not be overlooked
    LOCK TABLE public.users IN SHARE ROW EXCLUSIVE MODE;
    SET CONSTRAINTS ALL IMMEDIATE; -- ALTER TABLE is refused while checks are outstanding
    FOR clock IN
        SELECT t.tgrelid::regclass AS tab, t.tgname,
               CASE t.tgenabled WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' ELSE '' END AS mode
        FROM pg_trigger AS t
        WHERE t.tgfoid = to_regproc('public.update_updated_at_column') AND t.tgenabled <> 'D'
        ORDER BY t.tgrelid
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', clock.tab, clock.tgname);
        clocks := clocks || format('ALTER TABLE %s ENABLE %s TRIGGER %I', clock.tab, clock.mode, clock.tgname);
    END LOOP;
    DELETE FROM public.users WHERE password_hash IS NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    FOREACH item IN ARRAY clocks LOOP
        EXECUTE item;
    END LOOP;
    RAISE NOTICE 'OAuth users: % deleted, with all that hung on them', changed;
END
$oauth$;
