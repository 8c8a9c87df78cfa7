-- Verify 012_rollback_oauth.sql: raise with a list of everything that is not as the baseline has it.
--
-- Read-only, and all of it inside this one statement; runs inside the rollback's transaction too.
-- CHECKS   what 012 changes: users' columns, role and its labels, left-over types; that no user is without a password.
--          What a team changed beside it, such as another index on users, is no matter of this rollback.
-- LOCKS    ACCESS SHARE on users for the count, which reads the table only if the catalogue lets NULL in.
-- BY HAND  psql -v ON_ERROR_STOP=1 -f verify/012_rollback_oauth.sql    (SQLSTATE P0004 where something differs)
DO $verify$
DECLARE
    wrong   text;
    waiting bigint := 0;
BEGIN
    PERFORM set_config('quote_all_identifiers', 'off', true); -- definitions are compared as PostgreSQL spells them
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.users') AND attname = 'password_hash'
               AND NOT attnotnull) THEN
        SELECT count(*) INTO waiting FROM public.users WHERE password_hash IS NULL;
    END IF;

    SELECT string_agg(E'\n  - ' || w.what, '' ORDER BY w.what) INTO wrong
    FROM (
        SELECT format('column users.%s is %s, not %s', v.col, coalesce(a.found, 'missing'), v.expected)
        FROM (VALUES
            ('password_hash', 'character varying(255) NOT NULL'),
            ('role', 'user_role NOT NULL DEFAULT ''professional''::user_role')
        ) AS v (col, expected)
        LEFT JOIN LATERAL (
            SELECT replace(concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                                     'DEFAULT ' || pg_get_expr(e.adbin, e.adrelid)), 'public.', '') AS found
            FROM pg_attribute AS a LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
            WHERE a.attrelid = to_regclass('public.users') AND a.attname = v.col AND NOT a.attisdropped) AS a ON true
        WHERE a.found IS DISTINCT FROM v.expected
        UNION ALL
        SELECT format('column users.%s is still there', attname)
        FROM pg_attribute
        WHERE attrelid = to_regclass('public.users') AND NOT attisdropped
          AND attname IN ('oauth_provider', 'oauth_id', 'avatar_url')
        UNION ALL
        SELECT format('%s user(s) without password_hash', waiting) WHERE waiting > 0
        UNION ALL
        SELECT format('user_role is (%s), not (super_admin, professional, end_user)', coalesce(e.labels, 'missing'))
        FROM (SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) AS labels
              FROM pg_enum WHERE enumtypid = to_regtype('public.user_role')) AS e
        WHERE e.labels IS DISTINCT FROM 'super_admin, professional, end_user'
        UNION ALL
        SELECT format('type %s is left over', v.name)
        FROM (VALUES ('user_role_new'), ('user_role_old')) AS v (name)
        WHERE to_regtype('public.' || v.name) IS NOT NULL
        UNION ALL
        SELECT 'constraint users_password_hash_not_null is missing'
        WHERE current_setting('server_version_num')::int >= 180000
          AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('public.users')
                          AND conname = 'users_password_hash_not_null' AND convalidated)
    ) AS w (what);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'assert_failure', MESSAGE = '012 is not rolled back:' || wrong;
    END IF;
    RAISE NOTICE '012: verified';
END
$verify$;
