-- 011_rollback_handover.sql: take migration 011 (no more handing over to a professional) back.
--
-- UNDOES
--   the table handover_notifications (empty, owned and granted like conversations) and
--   conversations.handed_over_at (empty) are there again; conversation_status is active, handed_over, closed;
--   message_sender is user, assistant, professional (or user, twin, professional: see OPTIONS). Finishes what
--   a half-applied 011 left.
-- REMOVES
--   stray types that a recreation left behind (conversation_status_new, message_sender_new, …_old), where
--   nothing uses them; a handover_notifications that lacks columns or constraints, if it is empty.
--   The comments that 011 set on the types conversation_status and message_sender, on conversations, its column status
--   and messages.sender, where something of 011 is found; each is printed first. Any other comment stays.
-- KEEPS IN THE ARCHIVE
--   nothing: this script removes no data. What 011 itself destroyed (which conversations were handed over, the
--   notifications, who wrote which message) is not in this database any more.
-- REFUSES, having changed nothing
--   if message_sender has both labels assistant and twin; if handover_notifications lacks columns or
--   constraints and has rows.
-- LOCKS
--   LOCK TABLE conversations  ACCESS EXCLUSIVE until commit.
--     ADD COLUMN, SET DEFAULT catalogue only, milliseconds.
--   CREATE TABLE … REFERENCES also SHARE ROW EXCLUSIVE on users until commit (writers wait, readers do not).
--   ALTER TYPE ADD VALUE, RENAME VALUE  the type only, milliseconds: messages is neither locked nor rewritten.
--   Waits for a lock at most 10 s, unless lock_timeout is set already.
-- OPTIONS
--   rollback.bot_label = assistant (default) | twin: what the bot is called among the senders.
-- BY HAND
--   psql -1 -v ON_ERROR_STOP=1 -f 011_rollback_handover.sql
--   PGOPTIONS='-c rollback.bot_label=twin' psql -1 -v ON_ERROR_STOP=1 -f 011_rollback_handover.sql
--   The file is one statement, so that it is all or nothing under a plain psql -f too. It may be run again:
--   what is already so is said and left.
DO $rollback$
DECLARE
    bot         text := coalesce(nullif(current_setting('rollback.bot_label', true), ''), 'assistant');
    other       text;
    labels      text[];
    item        text;
    column_type text;
    target      record;
    privilege   record;
    lacking     text;
    found_011   boolean;
    filled      boolean;
BEGIN
    IF bot NOT IN ('assistant', 'twin') THEN
        RAISE EXCEPTION '011: rollback.bot_label is %: it must be assistant or twin', quote_literal(bot)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF to_regclass('public.conversations') IS NULL OR to_regclass('public.messages') IS NULL
       OR to_regclass('public.users') IS NULL THEN
        RAISE EXCEPTION '011: public.conversations, messages or users is missing; this is not a DigitalTwin database'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '10s', true);
    END IF;
    PERFORM set_config('row_security', 'off', true);
    PERFORM set_config('quote_all_identifiers', 'off', true); -- definitions are compared as PostgreSQL spells them
    LOCK TABLE public.conversations IN ACCESS EXCLUSIVE MODE;

    -- Is anything of 011 here, or was (a dropped column leaves its place)? Where not, a comment on what 011 describes
    -- was written by the team.
    found_011 := to_regclass('public.handover_notifications') IS NULL
        OR NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.conversations'::regclass
                       AND attname = 'handed_over_at' AND NOT attisdropped)
        OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.conversations'::regclass AND attisdropped)
        OR NOT EXISTS (SELECT FROM pg_enum WHERE enumtypid = to_regtype('public.conversation_status')
                       AND enumlabel = 'handed_over')
        OR NOT EXISTS (SELECT FROM pg_enum WHERE enumtypid = to_regtype('public.message_sender')
                       AND enumlabel = 'professional')
        OR EXISTS (SELECT FROM pg_type WHERE typnamespace = 'public'::regnamespace
                   AND typname IN ('conversation_status_new', 'conversation_status_old', 'message_sender_new',
                                   'message_sender_old'));

    -- 1. The two enums: first finish a recreation that stopped after the column had moved to the new type.
    FOR target IN
        SELECT * FROM (VALUES ('conversations', 'status', 'conversation_status'),
                              ('messages', 'sender', 'message_sender')) AS v (tab, col, typ)
    LOOP
        SELECT CASE t.typnamespace WHEN 'public'::regnamespace THEN t.typname ELSE format_type(t.oid, NULL) END
        INTO column_type
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = to_regclass('public.' || target.tab) AND a.attname = target.col AND NOT a.attisdropped;
        IF column_type IN (target.typ || '_new', target.typ || '_old') THEN
            IF to_regtype('public.' || target.typ) IS NOT NULL THEN
                EXECUTE format('DROP TYPE public.%I', target.typ);
                RAISE NOTICE '011: dropped type %, which no column had', target.typ;
            END IF;
            EXECUTE format('ALTER TYPE public.%I RENAME TO %I', column_type, target.typ);
            RAISE NOTICE '011: renamed type % to %', column_type, target.typ;
        ELSIF column_type IS DISTINCT FROM target.typ THEN
            RAISE EXCEPTION '011: %.% has type %, not %', target.tab, target.col,
                coalesce(column_type, '(no such column)'), target.typ
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        FOREACH item IN ARRAY ARRAY[target.typ || '_new', target.typ || '_old'] LOOP
            IF to_regtype('public.' || item) IS NOT NULL THEN
                BEGIN
                    EXECUTE format('DROP TYPE public.%I', item);
                    RAISE NOTICE '011: dropped stray type %', item;
                EXCEPTION WHEN dependent_objects_still_exist THEN
                    RAISE NOTICE '011: left type %, something uses it', item;
                END;
            END IF;
        END LOOP;
    END LOOP;

    -- 2. Labels. Read from pg_enum: a label added in this transaction must not be used in it, not even by enum_range.
    IF EXISTS (SELECT FROM pg_enum WHERE enumtypid = 'public.conversation_status'::regtype
               AND enumlabel = 'handed_over') THEN
        RAISE NOTICE '011: already so: conversation_status has handed_over';
    ELSE
        ALTER TYPE public.conversation_status ADD VALUE 'handed_over' BEFORE 'closed';
        RAISE NOTICE '011: added label handed_over to conversation_status';
    END IF;

    other := CASE bot WHEN 'assistant' THEN 'twin' ELSE 'assistant' END;
    SELECT array_agg(enumlabel::text) INTO labels FROM pg_enum WHERE enumtypid = 'public.message_sender'::regtype;
    IF labels @> ARRAY['assistant', 'twin'] THEN
        RAISE EXCEPTION '011: message_sender has both labels assistant and twin; it cannot be told which rows are the bot''s'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Bring messages to one of the two labels and make the type without the other first.';
    ELSIF labels @> ARRAY[other] THEN
        EXECUTE format('ALTER TYPE public.message_sender RENAME VALUE %L TO %L', other, bot);
        RAISE NOTICE '011: renamed sender % to %', other, bot;
    ELSIF labels @> ARRAY[bot] THEN
        RAISE NOTICE '011: already so: the bot is called %', bot;
    ELSE
        RAISE EXCEPTION '011: message_sender has neither assistant nor twin but %', labels
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF labels @> ARRAY['professional'] THEN
        RAISE NOTICE '011: already so: message_sender has professional';
    ELSE
        ALTER TYPE public.message_sender ADD VALUE 'professional';
        RAISE NOTICE '011: added label professional to message_sender';
    END IF;

    -- 3. conversations.
    IF EXISTS (SELECT FROM pg_attribute AS a
               LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
               WHERE a.attrelid = 'public.conversations'::regclass AND a.attname = 'status'
                 AND coalesce(pg_get_expr(e.adbin, e.adrelid), '')
                     !~ '^''active''::(public\.)?conversation_status$') THEN
        ALTER TABLE public.conversations ALTER COLUMN status SET DEFAULT 'active';
        RAISE NOTICE '011: conversations.status has default active again';
    ELSE
        RAISE NOTICE '011: already so: conversations.status has default active';
    END IF;
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.conversations'::regclass
               AND attname = 'handed_over_at' AND NOT attisdropped) THEN
        RAISE NOTICE '011: already so: column conversations.handed_over_at';
    ELSE
        ALTER TABLE public.conversations ADD COLUMN handed_over_at timestamp;
        RAISE NOTICE '011: added column conversations.handed_over_at, empty';
    END IF;

    -- 4. handover_notifications. One that lacks something is what an old, faulty rollback script may have left; what
    -- the team added to it does no harm.
    IF to_regclass('public.handover_notifications') IS NOT NULL THEN
        SELECT string_agg(v.item, ', ') INTO lacking
        FROM (VALUES
            ('id uuid NOT NULL DEFAULT'), ('conversation_id uuid NOT NULL'), ('user_id uuid NOT NULL'), ('reason text'),
            ('is_read boolean DEFAULT'), ('is_accepted boolean DEFAULT'), ('accepted_at timestamp without time zone'),
            ('created_at timestamp without time zone DEFAULT'), ('handover_notifications_pkey p'),
            ('handover_notifications_conversation_id_fkey f c conversations'),
            ('handover_notifications_user_id_fkey f c users')
        ) AS v (item)
        WHERE v.item NOT IN (
            SELECT concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                             CASE WHEN a.attnotnull THEN 'NOT NULL' END, CASE WHEN a.atthasdef THEN 'DEFAULT' END)
            FROM pg_attribute AS a
            WHERE a.attrelid = 'public.handover_notifications'::regclass AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL
            SELECT concat_ws(' ', c.conname, c.contype, nullif(c.confdeltype, ' '), r.relname)
            FROM pg_constraint AS c LEFT JOIN pg_class AS r ON r.oid = c.confrelid
            WHERE c.conrelid = 'public.handover_notifications'::regclass AND c.contype IN ('p', 'f'));
        IF lacking IS NULL THEN
            RAISE NOTICE '011: already so: table handover_notifications';
        ELSE
            EXECUTE 'SELECT EXISTS (SELECT FROM public.handover_notifications)' INTO filled;
            IF filled THEN
                RAISE EXCEPTION '011: handover_notifications has rows, but not the columns and constraints of the baseline'
                    USING ERRCODE = 'object_not_in_prerequisite_state',
                          DETAIL = 'It lacks: ' || lacking,
                          HINT = 'Rename that table, run this script again, and take its rows over by hand.';
            END IF;
            DROP TABLE public.handover_notifications;
            RAISE NOTICE '011: dropped handover_notifications, which was empty and lacked %', lacking;
        END IF;
    END IF;
    IF to_regclass('public.handover_notifications') IS NULL THEN
        -- uuid_generate_v4() wherever the database has it: the default that conversations.id has.
        EXECUTE format(
            'CREATE TABLE public.handover_notifications ('
            'id uuid PRIMARY KEY DEFAULT %s, '
            'conversation_id uuid NOT NULL REFERENCES public.conversations (id) ON DELETE CASCADE, '
            'user_id uuid NOT NULL REFERENCES public.users (id) ON DELETE CASCADE, '
            'reason text, '
            'is_read boolean DEFAULT false, '
            'is_accepted boolean DEFAULT false, '
            'accepted_at timestamp, '
            'created_at timestamp DEFAULT CURRENT_TIMESTAMP)',
            (SELECT pg_get_expr(e.adbin, e.adrelid)
             FROM pg_attribute AS a JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
             WHERE a.attrelid = 'public.conversations'::regclass AND a.attname = 'id'));
        RAISE NOTICE '011: created table handover_notifications, empty';

        -- The runner may be another role than the application's: owner and grants are those of conversations.
        EXECUTE format('ALTER TABLE public.handover_notifications OWNER TO %I', (
            SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'public.conversations'::regclass));
        FOR privilege IN
            SELECT DISTINCT CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(p.grantee)) END AS who
            FROM pg_class AS c, aclexplode(c.relacl) AS p
            WHERE c.oid = 'public.handover_notifications'::regclass AND p.grantee <> c.relowner
        LOOP
            EXECUTE format('REVOKE ALL ON public.handover_notifications FROM %s', privilege.who);
        END LOOP;
        FOR privilege IN
            SELECT p.privilege_type AS what, p.is_grantable,
                   CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(p.grantee)) END AS who
            FROM pg_class AS c, aclexplode(c.relacl) AS p
            WHERE c.oid = 'public.conversations'::regclass AND p.grantee <> c.relowner
            ORDER BY 3, 1
        LOOP
            EXECUTE format('GRANT %s ON public.handover_notifications TO %s', privilege.what, privilege.who)
                || CASE WHEN privilege.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END;
            RAISE NOTICE '011: granted % on handover_notifications to %', privilege.what, privilege.who;
        END LOOP;
    END IF;
    FOREACH item IN ARRAY ARRAY['user_id', 'is_read'] LOOP
        IF to_regclass('public.idx_handover_notifications_' || item) IS NULL THEN
            EXECUTE format('CREATE INDEX %I ON public.handover_notifications (%I)',
                           'idx_handover_notifications_' || item, item);
            RAISE NOTICE '011: created index idx_handover_notifications_%', item;
        ELSE
            RAISE NOTICE '011: already so: index idx_handover_notifications_%', item;
        END IF;
    END LOOP;

    -- 5. The comments that 011 set, also where its work is not: the baseline has none there.
    FOR target IN
        SELECT v.what, v.text
        FROM (VALUES
            ('TYPE public.conversation_status', obj_description('public.conversation_status'::regtype, 'pg_type')),
            ('TYPE public.message_sender', obj_description('public.message_sender'::regtype, 'pg_type')),
            ('TABLE public.conversations', obj_description('public.conversations'::regclass, 'pg_class')),
            ('COLUMN public.conversations.status', (
                SELECT col_description(attrelid, attnum) FROM pg_attribute
                WHERE attrelid = 'public.conversations'::regclass AND attname = 'status')),
            ('COLUMN public.messages.sender', (
                SELECT col_description(attrelid, attnum) FROM pg_attribute
                WHERE attrelid = 'public.messages'::regclass AND attname = 'sender'))
        ) AS v (what, text)
        WHERE found_011 AND v.text IS NOT NULL
    LOOP
        EXECUTE format('COMMENT ON %s IS NULL', target.what);
        RAISE NOTICE '011: removed the comment on %: "%"', lower(target.what), target.text;
    END LOOP;
END
$rollback$;
