-- temporary_passwords.sql: option 1 of the procedure for users without a password, before 012_rollback_oauth.sql.
--
-- CHANGES  password_hash of users who have none becomes the procedure's placeholder, with which nobody can ever log
--          in: these users have to reset their password. Nothing is removed. updated_at stays.
-- LOCKS    users SHARE ROW EXCLUSIVE until commit (writers wait, readers do not); reads the table once.
-- BY HAND  psql -1 -v ON_ERROR_STOP=1 -f temporary_passwords.sql    (says so where nothing is to do)
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
        -- Of users and of what inherits from it, whatever the trigger is called.
        WITH RECURSIVE kin (rel) AS (
            SELECT 'public.users'::regclass::oid
            UNION
            SELECT i.inhrelid FROM kin AS k JOIN pg_inherits AS i ON i.inhparent = k.rel
        )
        SELECT t.tgrelid::regclass AS tab, t.tgname,
               CASE t.tgenabled WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' ELSE '' END AS mode
        FROM kin AS k JOIN pg_trigger AS t ON t.tgrelid = k.rel
        WHERE t.tgfoid = to_regproc('public.update_updated_at_column') AND t.tgenabled <> 'D' AND t.tgparentid = 0
        ORDER BY t.tgrelid, t.tgname
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', clock.tab, clock.tgname);
        clocks := clocks || format('ALTER TABLE %s ENABLE %s TRIGGER %I', clock.tab, clock.mode, clock.tgname);
    END LOOP;
    UPDATE public.users
    SET password_hash = '$2b$10$TEMPORARY_HASH_INVALID_FOR_LOGIN'
    WHERE password_hash IS NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    FOREACH item IN ARRAY clocks LOOP
        EXECUTE item;
    END LOOP;
    RAISE NOTICE 'OAuth users: % got a temporary password', changed;
END
$oauth$;
