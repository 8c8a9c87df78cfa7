-- temporary_passwords.sql: option 1 of the procedure for users without a password, before 012_rollback_oauth.sql.
--
-- CHANGES  password_hash of users who have none becomes the procedure's placeholder, with which nobody can ever log
--          in: these users have to reset their password. Nothing is removed. updated_at stays.
-- LOCKS    users SHARE ROW EXCLUSIVE until commit (writers wait, readers do not); reads the table once.
-- BY HAND  psql -1 -v ON_ERROR_STOP=1 -f temporary_passwords.sql    (says so where nothing is to do)
DO $oauth$
DECLARE
    mode    "char";
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
    SELECT tgenabled INTO mode FROM pg_trigger
    WHERE tgrelid = 'public.users'::regclass AND tgname = 'update_users_updated_at';
    IF mode IS NOT NULL THEN
        ALTER TABLE public.users DISABLE TRIGGER update_users_updated_at;
    END IF;
    UPDATE public.users
    SET password_hash = '$2b$10$TEMPORARY_HASH_INVALID_FOR_LOGIN'
    WHERE password_hash IS NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF mode IS NOT NULL AND mode <> 'D' THEN
        EXECUTE format('ALTER TABLE public.users ENABLE %s TRIGGER update_users_updated_at',
                       CASE mode WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' ELSE '' END);
    END IF;
    RAISE NOTICE 'OAuth users: % got a temporary password', changed;
END
$oauth$;
