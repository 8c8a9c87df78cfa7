-- Verify 011_rollback_handover.sql: raise with a list of everything that is not as the baseline has it.
--
-- Read-only, and all of it inside this one statement; runs inside the rollback's transaction too, since labels are read
-- from pg_enum (enum_range refuses a label that was added in the same transaction).
-- CHECKS   labels of both enums, left-over types, conversations' columns, the whole of handover_notifications with its
--          owner and grants. Foreign keys count only when validated and enforced, so that no orphan can exist.
-- LOCKS    none but ACCESS SHARE on catalogues.
-- OPTIONS  rollback.bot_label = assistant (default) | twin, as in the rollback.
-- BY HAND  psql -v ON_ERROR_STOP=1 -f verify/011_rollback_handover.sql    (SQLSTATE P0004 where something differs)
DO $verify$
DECLARE
    bot   text := coalesce(nullif(current_setting('rollback.bot_label', true), ''), 'assistant');
    made  text;
    wrong text;
BEGIN
    PERFORM set_config('quote_all_identifiers', 'off', true); -- definitions are compared as PostgreSQL spells them
    IF bot NOT IN ('assistant', 'twin') THEN
        RAISE EXCEPTION '011: rollback.bot_label is %: it must be assistant or twin', quote_literal(bot)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- uuid_generate_v4(), spelled as this search_path makes it.
    SELECT pg_get_expr(e.adbin, e.adrelid) INTO made
    FROM pg_attribute AS a JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
    WHERE a.attrelid = to_regclass('public.conversations') AND a.attname = 'id';

    SELECT string_agg(E'\n  - ' || w.what, '' ORDER BY w.what) INTO wrong
    FROM (
        SELECT format('%s is (%s), not (%s)', v.name, coalesce(e.labels, 'missing'), v.expected)
        FROM (VALUES ('conversation_status', 'active, handed_over, closed'),
                     ('message_sender', format('user, %s, professional', bot))) AS v (name, expected)
        CROSS JOIN LATERAL (SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) AS labels
                            FROM pg_enum WHERE enumtypid = to_regtype('public.' || v.name)) AS e
        WHERE e.labels IS DISTINCT FROM v.expected
        UNION ALL
        SELECT format('type %s is left over', v.name)
        FROM (VALUES ('conversation_status_new'), ('conversation_status_old'), ('message_sender_new'),
                     ('message_sender_old')) AS v (name)
        WHERE to_regtype('public.' || v.name) IS NOT NULL
        UNION ALL
        SELECT format('column %s.%s is %s, not %s', v.tab, v.col, coalesce(a.found, 'missing'), v.expected)
        FROM (VALUES
            ('conversations', 'status', 'conversation_status DEFAULT ''active''::conversation_status'),
            ('conversations', 'handed_over_at', 'timestamp without time zone'),
            ('messages', 'sender', 'message_sender NOT NULL'),
            ('handover_notifications', 'id', 'uuid NOT NULL DEFAULT ' || replace(made, 'public.', '')),
            ('handover_notifications', 'conversation_id', 'uuid NOT NULL'),
            ('handover_notifications', 'user_id', 'uuid NOT NULL'),
            ('handover_notifications', 'reason', 'text'),
            ('handover_notifications', 'is_read', 'boolean DEFAULT false'),
            ('handover_notifications', 'is_accepted', 'boolean DEFAULT false'),
            ('handover_notifications', 'accepted_at', 'timestamp without time zone'),
            ('handover_notifications', 'created_at', 'timestamp without time zone DEFAULT CURRENT_TIMESTAMP')
        ) AS v (tab, col, expected)
        LEFT JOIN LATERAL (
            SELECT replace(concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                                     'DEFAULT ' || pg_get_expr(e.adbin, e.adrelid)), 'public.', '') AS found
            FROM pg_attribute AS a LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
            WHERE a.attrelid = to_regclass('public.' || v.tab) AND a.attname = v.col AND NOT a.attisdropped
        ) AS a ON true
        WHERE a.found IS DISTINCT FROM v.expected
        UNION ALL
        SELECT format('constraint %s is %s, not %s', v.name, coalesce(c.found, 'missing'), v.expected)
        FROM (VALUES
            ('handover_notifications_pkey', 'PRIMARY KEY (id)'),
            ('handover_notifications_conversation_id_fkey',
             'FOREIGN KEY (conversation_id) REFERENCES conversations(id) ON DELETE CASCADE'),
            ('handover_notifications_user_id_fkey', 'FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE')
        ) AS v (name, expected)
        LEFT JOIN LATERAL (
            SELECT replace(pg_get_constraintdef(c.oid), 'public.', '')
                   || CASE WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = c.oid AND t.tgenabled <> 'O')
                           THEN ' (not enforced)' ELSE '' END AS found
            FROM pg_constraint AS c
            WHERE c.conrelid = to_regclass('public.handover_notifications') AND c.conname = v.name) AS c ON true
        WHERE c.found IS DISTINCT FROM v.expected
        UNION ALL
        SELECT format('index %s is %s, not %s', v.name, coalesce(i.found, 'missing'), v.expected)
        FROM (VALUES
            ('idx_handover_notifications_user_id', 'handover_notifications', 'btree (user_id)'),
            ('idx_handover_notifications_is_read', 'handover_notifications', 'btree (is_read)')
        ) AS v (name, tab, expected)
        LEFT JOIN LATERAL (
            SELECT concat_ws(' ', CASE WHEN NOT x.indisvalid THEN 'invalid' END, CASE WHEN x.indisunique THEN 'unique' END,
                             split_part(pg_get_indexdef(x.indexrelid), ' USING ', 2)) AS found
            FROM pg_index AS x
            WHERE x.indexrelid = to_regclass('public.' || v.name) AND x.indrelid = to_regclass('public.' || v.tab)
        ) AS i ON true
        WHERE i.found IS DISTINCT FROM v.expected
        UNION ALL
        SELECT format('handover_notifications belongs to %s, conversations to %s', pg_get_userbyid(n.relowner),
                      pg_get_userbyid(c.relowner))
        FROM pg_class AS n, pg_class AS c
        WHERE n.oid = to_regclass('public.handover_notifications') AND c.oid = to_regclass('public.conversations')
          AND n.relowner <> c.relowner
        UNION ALL
        SELECT format('%s may not %s handover_notifications', CASE g.grantee WHEN 0 THEN 'PUBLIC'
                      ELSE pg_get_userbyid(g.grantee) END, g.privilege_type)
        FROM (
            SELECT p.grantee, p.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS p
            WHERE c.oid = to_regclass('public.conversations') AND p.grantee <> c.relowner
            EXCEPT
            SELECT p.grantee, p.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS p
            WHERE c.oid = to_regclass('public.handover_notifications')
        ) AS g
    ) AS w (what);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'assert_failure', MESSAGE = '011 is not rolled back:' || wrong;
    END IF;
    RAISE NOTICE '011: verified';
END
$verify$;
