-- 012_rollback_oauth.sql: take migration 012 (sign-in with OAuth) back.
--
-- UNDOES
--   users.password_hash is NOT NULL again; the role kb_owner is called professional again and is the
--   default; a recreation of user_role that stopped half way is finished.
-- REMOVES
--   users.oauth_provider, users.oauth_id, users.avatar_url and what stands on them and on no other column: indexes by
--   any name, comments, statistics, defaults, constraints. Tables that inherit from users lose the columns, too.
--   The comments that 012 set on the type user_role, the table users and users.password_hash, where something of 012
--   is found. Each is printed first. A comment elsewhere, as on users.role, is the team's and stays.
-- KEEPS IN THE ARCHIVE
--   rollback.archived_users: provider, id and avatar of every user who had one of them, how they went
--   (oauth/delete.sql keeps the users that it deletes there, too).
-- REFUSES, having changed nothing
--   while users without a password exist (the message counts them and names the three ways on), and while
--   something stands on a column that goes and on anything else (view, policy, trigger, index with another column …).
-- LOCKS
--   LOCK TABLE users           ACCESS EXCLUSIVE until commit; the other statements on users need no more.
--     INSERT archive           reads users once; the time grows with the number of users.
--     SET NOT NULL             reads users once.
--     DROP COLUMN, SET DEFAULT catalogue only, milliseconds.
--   ALTER TYPE RENAME VALUE    the type only, milliseconds. Only where both labels exist is users rewritten.
--   Waits for a lock at most 10 s, unless lock_timeout is set already.
-- BY HAND
--   psql -1 -v ON_ERROR_STOP=1 -f 012_rollback_oauth.sql
--   The file is one statement, so that it is all or nothing under a plain psql -f too. It may be run again:
--   what is already so is said and left.
DO $rollback$
DECLARE
    waiting     bigint;
    moved       bigint;
    found_012   boolean;
    in_the_way  text;
    item        text;
    target      record;
    role_type   text;
    labels      text[];
BEGIN
    IF to_regclass('public.users') IS NULL THEN
        RAISE EXCEPTION '012: there is no table public.users; this is not a DigitalTwin database'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '10s', true);
    END IF;
    -- Rows hidden by a policy must raise, not be overlooked.
    PERFORM set_config('row_security', 'off', true);
    PERFORM set_config('quote_all_identifiers', 'off', true); -- definitions are compared as PostgreSQL spells them
    LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE;

    -- Nobody may be left without a way to sign in.
    SELECT count(*) INTO waiting FROM public.users WHERE password_hash IS NULL;
    IF waiting > 0 THEN
        RAISE EXCEPTION '012: % user(s) without password_hash; nothing was changed', waiting
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'They sign in by OAuth alone, which this script removes.',
                  HINT = 'Choose one of the three: '
                      '(1) set temporary passwords (oauth/temporary_passwords.sql also leaves updated_at alone): UPDATE users SET password_hash = '
                      '''$2b$10$TEMPORARY_HASH_INVALID_FOR_LOGIN'' WHERE password_hash IS NULL; '
                      '(2) delete these users, with everything that hangs on them (oauth/delete.sql): '
                      'DELETE FROM users WHERE password_hash IS NULL; '
                      '(3) skip 012 and roll back only 011 and 010.';
    END IF;

    -- Is anything of 012 here, or was (a dropped column leaves its place)? Where not, a comment on what 012 describes
    -- was written by the team.
    SELECT EXISTS (SELECT FROM pg_attribute AS a JOIN pg_type AS y ON y.oid = a.atttypid
                   WHERE a.attrelid = 'public.users'::regclass
                     AND (a.attname IN ('oauth_provider', 'oauth_id', 'avatar_url')
                          OR (a.attname = 'password_hash' AND NOT a.attnotnull)
                          OR (a.attname = 'role' AND y.typname IN ('user_role_new', 'user_role_old'))))
           OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND attisdropped)
           OR EXISTS (SELECT FROM pg_enum WHERE enumlabel = 'kb_owner'
                      AND enumtypid IN (to_regtype('public.user_role'), to_regtype('public.user_role_new'),
                                        to_regtype('public.user_role_old')))
    INTO found_012;

    -- What stands on the columns that go: named, whether it goes along or is in the way.
    WITH RECURSIVE dropped (migration, rel, col) AS (
        SELECT '012', 'public.users'::regclass::oid, unnest(ARRAY['oauth_provider', 'oauth_id', 'avatar_url'])
    ),
    -- RULE: what stands on columns that are dropped, and on no other column, goes with them; all else is in the way.
    kin (migration, rel, col, own) AS (
        SELECT migration, rel, col, true FROM dropped
        UNION
        SELECT k.migration, i.inhrelid, k.col, false FROM kin AS k JOIN pg_inherits AS i ON i.inhparent = k.rel
    ),
    going (migration, rel, num) AS (
        SELECT k.migration, a.attrelid, a.attnum
        FROM kin AS k
        JOIN pg_attribute AS a ON a.attrelid = k.rel AND a.attname = k.col AND NOT a.attisdropped
        WHERE k.own OR (a.attinhcount = 1 AND NOT a.attislocal)
    ),
    -- Types whose values hold whole rows of such a table: its own, then arrays, domains, ranges, rows that have it.
    holder (migration, typ) AS (
        SELECT g.migration, r.reltype FROM going AS g JOIN pg_class AS r ON r.oid = g.rel
        UNION
        SELECT h.migration, CASE d.classid WHEN 'pg_class'::regclass THEN r.reltype ELSE d.objid END
        FROM holder AS h
        JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = h.typ
        LEFT JOIN pg_class AS r ON d.classid = 'pg_class'::regclass AND r.oid = d.objid AND r.reltype <> 0
        WHERE d.classid = 'pg_type'::regclass OR d.objsubid > 0
    ),
    standing (migration, rel, num, classid, objid, objsubid, goes) AS (
        SELECT g.migration, g.rel, g.num, d.classid, d.objid, d.objsubid,
               CASE
                   WHEN d.classid = 'pg_attrdef'::regclass THEN (e.adrelid, e.adnum) = (g.rel, g.num)
                   WHEN EXISTS (SELECT FROM pg_constraint AS x WHERE x.conindid = i.oid AND x.contype IN ('p', 'u', 'x'))
                   THEN false -- by its predicate: PostgreSQL lets it go with its constraint only
                   WHEN c.contype = 'f' THEN (SELECT bool_and((c.conrelid, k) IN (SELECT rel, num FROM going))
                                              FROM unnest(c.conkey) AS k)
                   WHEN i.relkind IN ('i', 'I') OR c.oid IS NOT NULL OR d.classid = 'pg_statistic_ext'::regclass
                   THEN NOT EXISTS (SELECT FROM pg_depend AS o
                                    WHERE o.classid = d.classid AND o.objid = d.objid AND o.refobjsubid > 0
                                      AND o.refclassid = 'pg_class'::regclass
                                      AND (o.refobjid, o.refobjsubid) NOT IN (SELECT rel, num FROM going))
                   ELSE false
               END
        FROM going AS g
        JOIN pg_depend AS d
            ON d.refclassid = 'pg_class'::regclass AND d.refobjid = g.rel AND d.refobjsubid = g.num
        LEFT JOIN pg_attrdef AS e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
        LEFT JOIN pg_constraint AS c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
        LEFT JOIN pg_class AS i ON d.classid = 'pg_class'::regclass AND i.oid = d.objid AND d.objsubid = 0
        UNION ALL
        SELECT DISTINCT h.migration, NULL::oid, NULL::smallint, d.classid, d.objid, d.objsubid, false
        FROM holder AS h
        JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = h.typ
            AND d.classid = 'pg_class'::regclass AND d.objsubid > 0
        JOIN pg_class AS r ON r.oid = d.objid AND r.relkind IN ('r', 'p', 'm')
    )
    -- END OF RULE
    SELECT string_agg(DISTINCT CASE
               WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0)
               WHEN e.oid IS NOT NULL THEN pg_describe_object('pg_class'::regclass, e.adrelid, e.adnum)
               ELSE pg_describe_object(s.classid, s.objid, s.objsubid) END, ', ') FILTER (WHERE NOT s.goes),
           string_agg(DISTINCT pg_describe_object(s.classid, s.objid, s.objsubid)
               || coalesce(' (its comment: "' || obj_description(s.objid, s.classid::regclass::text::name) || '")', ''), ', ')
               FILTER (WHERE s.goes AND s.classid <> 'pg_attrdef'::regclass)
    INTO in_the_way, item
    FROM standing AS s
    LEFT JOIN pg_rewrite AS w ON s.classid = 'pg_rewrite'::regclass AND w.oid = s.objid
    LEFT JOIN pg_attrdef AS e ON s.classid = 'pg_attrdef'::regclass AND e.oid = s.objid;
    IF in_the_way IS NOT NULL THEN
        RAISE EXCEPTION '012: in the way of dropping the OAuth columns: %', in_the_way
            USING ERRCODE = 'dependent_objects_still_exist',
                  HINT = 'Drop or change these first; what stands on other things too is not dropped along.';
    END IF;
    IF item IS NOT NULL THEN
        RAISE NOTICE '012: with the OAuth columns go %', item;
    END IF;
    FOR target IN
        SELECT a.attname, col_description(a.attrelid, a.attnum) AS text FROM pg_attribute AS a
        WHERE a.attrelid = 'public.users'::regclass AND a.attname IN ('oauth_provider', 'oauth_id', 'avatar_url')
          AND col_description(a.attrelid, a.attnum) IS NOT NULL
    LOOP
        RAISE NOTICE '012: with users.% goes its comment: "%"', target.attname, target.text;
    END LOOP;

    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND NOT attisdropped
               AND attname IN ('oauth_provider', 'oauth_id', 'avatar_url')) THEN
        IF to_regnamespace('rollback') IS NULL THEN
            CREATE SCHEMA rollback;
        END IF;
        IF to_regclass('rollback.archived_users') IS NULL THEN
            CREATE TABLE rollback.archived_users (
                archived_at    timestamptz NOT NULL DEFAULT transaction_timestamp(),
                id             uuid NOT NULL,
                oauth_provider text,
                oauth_id       text,
                avatar_url     text
            );
        END IF;
        ALTER TABLE rollback.archived_users ADD COLUMN IF NOT EXISTS how text, ADD COLUMN IF NOT EXISTS whole jsonb;
        -- As jsonb, since an earlier try may have dropped some of the three already.
        INSERT INTO rollback.archived_users (id, oauth_provider, oauth_id, avatar_url, how)
        SELECT kept.id, kept.was ->> 'oauth_provider', kept.was ->> 'oauth_id', kept.was ->> 'avatar_url', 'columns dropped'
        FROM (SELECT u.id, to_jsonb(u) AS was FROM public.users AS u) AS kept
        WHERE coalesce(kept.was ->> 'oauth_provider', kept.was ->> 'oauth_id', kept.was ->> 'avatar_url') IS NOT NULL;
        GET DIAGNOSTICS moved = ROW_COUNT;
        RAISE NOTICE '012: kept % row(s) in rollback.archived_users', moved;
    END IF;

    FOREACH item IN ARRAY ARRAY['oauth_provider', 'oauth_id', 'avatar_url'] LOOP
        IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND NOT attisdropped
                   AND attname = item) THEN
            EXECUTE format('ALTER TABLE public.users DROP COLUMN %I', item);
            RAISE NOTICE '012: dropped column users.%', item;
        ELSE
            RAISE NOTICE '012: already so: no column users.%', item;
        END IF;
    END LOOP;

    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND attname = 'password_hash'
               AND NOT attnotnull) THEN
        ALTER TABLE public.users ALTER COLUMN password_hash SET NOT NULL;
        RAISE NOTICE '012: users.password_hash is NOT NULL again';
    ELSE
        RAISE NOTICE '012: already so: users.password_hash is NOT NULL';
    END IF;

    -- A recreation of the type that stopped after the column had moved: give the type its name.
    SELECT CASE t.typnamespace WHEN 'public'::regnamespace THEN t.typname ELSE format_type(t.oid, NULL) END
    INTO role_type
    FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid = 'public.users'::regclass AND a.attname = 'role' AND NOT a.attisdropped;
    IF role_type IN ('user_role_new', 'user_role_old') THEN
        IF to_regtype('public.user_role') IS NOT NULL THEN
            DROP TYPE public.user_role;
            RAISE NOTICE '012: dropped type user_role, which no column had';
        END IF;
        EXECUTE format('ALTER TYPE public.%I RENAME TO user_role', role_type);
        RAISE NOTICE '012: renamed type % to user_role', role_type;
    ELSIF role_type IS DISTINCT FROM 'user_role' THEN
        RAISE EXCEPTION '012: users.role has type %, not user_role', coalesce(role_type, '(no such column)')
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    FOREACH item IN ARRAY ARRAY['user_role_new', 'user_role_old'] LOOP
        IF to_regtype('public.' || item) IS NOT NULL THEN
            BEGIN
                EXECUTE format('DROP TYPE public.%I', item);
                RAISE NOTICE '012: dropped stray type %', item;
            EXCEPTION WHEN dependent_objects_still_exist THEN
                RAISE NOTICE '012: left type %, something uses it', item;
            END;
        END IF;
    END LOOP;

    SELECT array_agg(enumlabel::text) INTO labels FROM pg_enum WHERE enumtypid = 'public.user_role'::regtype;
    IF labels @> ARRAY['kb_owner', 'professional'] THEN
        -- Half converted. The conversion happens in USING, where no trigger fires: updated_at stays.
        SELECT count(*) INTO moved FROM public.users WHERE role::text = 'kb_owner';
        ALTER TYPE public.user_role RENAME TO user_role_old;
        CREATE TYPE public.user_role AS ENUM ('super_admin', 'professional', 'end_user');
        EXECUTE format('ALTER TYPE public.user_role OWNER TO %I', (
            SELECT pg_get_userbyid(typowner) FROM pg_type WHERE oid = 'public.user_role_old'::regtype));
        ALTER TABLE public.users
            ALTER COLUMN role DROP DEFAULT,
            ALTER COLUMN role TYPE public.user_role USING
                (CASE role::text WHEN 'kb_owner' THEN 'professional' ELSE role::text END)::public.user_role,
            ALTER COLUMN role SET DEFAULT 'professional';
        -- The new type is granted and described as the old one was.
        IF EXISTS (SELECT FROM pg_type WHERE oid = 'public.user_role_old'::regtype AND typacl IS NOT NULL) THEN
            REVOKE ALL ON TYPE public.user_role FROM PUBLIC;
        END IF;
        FOR target IN
            SELECT CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(p.grantee)) END
                   || CASE WHEN p.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS who
            FROM pg_type AS t, aclexplode(t.typacl) AS p
            WHERE t.oid = 'public.user_role_old'::regtype AND p.grantee <> t.typowner
        LOOP
            EXECUTE format('GRANT USAGE ON TYPE public.user_role TO %s', target.who);
        END LOOP;
        item := obj_description('public.user_role_old'::regtype, 'pg_type');
        IF item IS NOT NULL THEN
            EXECUTE format('COMMENT ON TYPE public.user_role IS %L', item);
        END IF;
        DROP TYPE public.user_role_old;
        RAISE NOTICE '012: % user(s) with role kb_owner have role professional again (users rewritten)', moved;
    ELSIF labels @> ARRAY['kb_owner'] THEN
        ALTER TYPE public.user_role RENAME VALUE 'kb_owner' TO 'professional';
        RAISE NOTICE '012: renamed role kb_owner to professional';
    ELSIF labels @> ARRAY['professional'] THEN
        RAISE NOTICE '012: already so: role professional';
    ELSE
        RAISE EXCEPTION '012: user_role has neither kb_owner nor professional but %', labels
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    IF EXISTS (SELECT FROM pg_attribute AS a
               LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
               WHERE a.attrelid = 'public.users'::regclass AND a.attname = 'role'
                 AND coalesce(pg_get_expr(e.adbin, e.adrelid), '') !~ '^''professional''::(public\.)?user_role$') THEN
        ALTER TABLE public.users ALTER COLUMN role SET DEFAULT 'professional';
        RAISE NOTICE '012: users.role has default professional again';
    ELSE
        RAISE NOTICE '012: already so: users.role has default professional';
    END IF;

    -- The baseline has no comments here; what 012 said about them would be wrong now.
    FOR target IN
        SELECT v.what, v.text
        FROM (VALUES
            ('TABLE public.users', obj_description('public.users'::regclass, 'pg_class')),
            ('COLUMN public.users.password_hash', (
                SELECT col_description(attrelid, attnum) FROM pg_attribute
                WHERE attrelid = 'public.users'::regclass AND attname = 'password_hash')),
            ('TYPE public.user_role', obj_description('public.user_role'::regtype, 'pg_type'))
        ) AS v (what, text)
        WHERE found_012 AND v.text IS NOT NULL
    LOOP
        EXECUTE format('COMMENT ON %s IS NULL', target.what);
        RAISE NOTICE '012: removed the comment on %: "%"', lower(target.what), target.text;
    END LOOP;
END
$rollback$;
