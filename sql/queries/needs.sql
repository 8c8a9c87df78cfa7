-- What the end state needs and the scripts cannot make: objects that somebody changed or dropped. One row each, with what
-- is found, what is needed, and what to do. No row means: nothing is missing. Filter by migration where one is skipped.
-- The names are those of now (knowledge_bases, kb_id) where 010 is in force. Reads rollback.gemini like 010 does.
-- What differs from the baseline where no migration touches it is drift, which no rollback mends, and not listed here.
-- Locks: ACCESS SHARE on catalogues only.
WITH RECURSIVE setting AS (
    SELECT coalesce(nullif(current_setting('rollback.gemini', true), ''), 'keep') AS gemini,
           current_setting('server_version_num')::int >= 180000 AS names_not_null,
           CASE WHEN to_regclass('public.knowledge_bases') IS NOT NULL THEN 'knowledge_bases' ELSE 'digital_twins' END AS base
),
holder (tab, required) AS (VALUES
    ('knowledge_base', true), ('conversations', true), ('analytics_events', false), ('benchmark_datasets', true),
    ('benchmark_runs', true), ('benchmark_ab_tests', true), ('web_sources', true), ('llm_usage', false),
    ('document_processing_jobs', true)
),
-- Columns: type and NOT NULL, or that they are there at all; defaults are set by the scripts.
wanted_column (migration, rel, tab, col, expected) AS (
    SELECT v.migration, to_regclass(format('public.%I', v.tab)), v.tab, v.col, v.expected
    FROM (
        SELECT '010', s.base, n.col, n.expected
        FROM setting AS s,
             (VALUES ('user_id', 'uuid NOT NULL'), ('rag_config', 'there'), ('purpose_config', 'there'),
                     ('llm_provider', 'there'), ('semantic_search_threshold', 'there'),
                     ('semantic_search_max_results', 'there')) AS n (col, expected)
        UNION ALL
        VALUES ('010', 'benchmark_questions', 'source_kb_id', 'uuid'), ('011', 'messages', 'sender', 'NOT NULL'),
               ('012', 'users', 'role', 'NOT NULL'), ('012', 'users', 'password_hash', 'character varying(255)')
        UNION ALL
        SELECT '010', h.tab, CASE WHEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.' || h.tab)
                                               AND attname = 'kb_id' AND NOT attisdropped) THEN 'kb_id' ELSE 'twin_id' END,
               CASE WHEN h.required THEN 'uuid NOT NULL' ELSE 'uuid' END
        FROM holder AS h
    ) AS v (migration, tab, col, expected)
),
found_column AS (
    SELECT w.*, a.attnum, format_type(a.atttypid, a.atttypmod) AS type,
           CASE WHEN a.attnum IS NULL THEN NULL WHEN w.expected = 'there' THEN 'there'
                WHEN w.expected = 'NOT NULL' THEN CASE WHEN a.attnotnull THEN 'NOT NULL' ELSE 'nullable' END
                ELSE format_type(a.atttypid, a.atttypmod)
                     || CASE WHEN a.attnotnull AND w.col <> 'password_hash' THEN ' NOT NULL' ELSE '' END END AS found
    FROM wanted_column AS w
    LEFT JOIN pg_attribute AS a ON a.attrelid = w.rel AND a.attname = w.col AND NOT a.attisdropped
),
-- Constraints, under the name of then or in the transformation's style, which 010 renames.
wanted_constraint (rel, tab, name, other, expected) AS (
    SELECT to_regclass(format('public.%I', v.tab)), v.tab, v.name,
           replace(replace(v.name, 'digital_twins_', 'knowledge_bases_'), '_twin_id_', '_kb_id_'), v.expected
    FROM (
        SELECT s.base, n.name, n.expected
        FROM setting AS s,
             (VALUES ('digital_twins_pkey', 'PRIMARY KEY (id)'), ('digital_twins_user_id_key', 'UNIQUE (user_id)'),
                     ('digital_twins_user_id_fkey', 'FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE'),
                     ('digital_twins_semantic_search_threshold_check',
                      'CHECK (semantic_search_threshold >= 0 AND semantic_search_threshold <= 1)'),
                     ('digital_twins_semantic_search_max_results_check',
                      'CHECK (semantic_search_max_results >= 1 AND semantic_search_max_results <= 10)')) AS n (name, expected)
        UNION ALL
        VALUES ('benchmark_questions', 'benchmark_questions_source_kb_id_fkey',
                'FOREIGN KEY (source_kb_id) REFERENCES knowledge_base(id) ON DELETE SET NULL')
        UNION ALL
        SELECT tab, tab || '_twin_id_fkey', 'FOREIGN KEY (twin_id) REFERENCES digital_twins(id) ON DELETE CASCADE'
        FROM holder
    ) AS v (tab, name, expected)
),
found_constraint AS (
    SELECT w.*, c.conname, c.convalidated,
           coalesce((SELECT bool_or(t.tgenabled <> 'O') FROM pg_trigger AS t WHERE t.tgconstraint = c.oid), false) AS off,
           -- A check counts by its name, as in the verification: its spelling is PostgreSQL's.
           CASE WHEN w.expected ~ '^CHECK' AND c.convalidated THEN w.expected
                ELSE replace(regexp_replace(regexp_replace(replace(pg_get_constraintdef(c.oid), 'public.', ''),
                             '\mknowledge_bases\M', 'digital_twins'), '\mkb_id\M', 'twin_id'), ' NOT VALID', '') END AS found
    FROM wanted_constraint AS w
    LEFT JOIN LATERAL (SELECT * FROM pg_constraint AS x WHERE x.conrelid = w.rel AND x.conname IN (w.name, w.other)
                       ORDER BY x.conname <> w.name LIMIT 1) AS c ON true
),
-- Indexes that 010 and 011 rename or make: one of that name must be of that kind.
wanted_index (migration, name, tab, expected) AS (VALUES
    ('010', 'idx_digital_twins_user_id', 'digital_twins', 'btree (user_id)'),
    ('010', 'idx_digital_twins_semantic_config', 'digital_twins', 'partial'),
    ('010', 'idx_digital_twins_rag_config', 'digital_twins', 'gin (rag_config)'),
    ('010', 'idx_digital_twins_purpose_config', 'digital_twins', 'gin (purpose_config)'),
    ('010', 'idx_knowledge_base_chunks', 'knowledge_base', 'btree (twin_id, parent_entry_id, chunk_index)'),
    ('010', 'idx_knowledge_base_twin_id', 'knowledge_base', 'btree (twin_id)'),
    ('010', 'idx_conversations_twin_id', 'conversations', 'btree (twin_id)'),
    ('010', 'idx_analytics_events_twin_id', 'analytics_events', 'btree (twin_id)'),
    ('010', 'idx_benchmark_datasets_twin', 'benchmark_datasets', 'btree (twin_id)'),
    ('010', 'idx_benchmark_runs_twin', 'benchmark_runs', 'btree (twin_id)'),
    ('010', 'idx_benchmark_ab_tests_twin', 'benchmark_ab_tests', 'btree (twin_id)'),
    ('010', 'idx_web_sources_twin_id', 'web_sources', 'btree (twin_id)'),
    ('010', 'idx_llm_usage_twin_id', 'llm_usage', 'btree (twin_id)'),
    ('010', 'idx_doc_jobs_twin_id', 'document_processing_jobs', 'btree (twin_id)'),
    ('011', 'handover_notifications_pkey', 'handover_notifications', 'unique btree (id)'),
    ('011', 'idx_handover_notifications_user_id', 'handover_notifications', 'btree (user_id)'),
    ('011', 'idx_handover_notifications_is_read', 'handover_notifications', 'btree (is_read)')
),
found_index AS (
    SELECT w.migration, w.name, w.tab, w.expected, r.relname,
           CASE WHEN x.indexrelid IS NULL THEN pg_describe_object('pg_class'::regclass, r.oid, 0)
                WHEN t.relname NOT IN (w.tab, CASE w.tab WHEN 'digital_twins' THEN s.base ELSE w.tab END)
                     OR t.relnamespace <> 'public'::regnamespace THEN 'an index of ' || t.oid::regclass
                WHEN w.expected = 'partial' THEN CASE WHEN x.indpred IS NULL THEN 'no partial index' ELSE 'partial' END
                ELSE concat_ws(' ', CASE WHEN NOT x.indisvalid THEN 'invalid' END, CASE WHEN x.indisunique THEN 'unique' END,
                               regexp_replace(split_part(pg_get_indexdef(x.indexrelid), ' USING ', 2), '\mkb_id\M', 'twin_id'))
           END AS found
    FROM wanted_index AS w
    CROSS JOIN setting AS s
    CROSS JOIN LATERAL (SELECT c.oid, c.relname FROM pg_class AS c
                        WHERE c.oid = coalesce(to_regclass('public.' || w.name), to_regclass('public.' || replace(
                            replace(w.name, 'digital_twins', 'knowledge_bases'), 'twin', 'kb')))) AS r
    LEFT JOIN pg_index AS x ON x.indexrelid = r.oid
    LEFT JOIN pg_class AS t ON t.oid = x.indrelid
),
-- Enums: their labels as the scripts will leave them.
enum (migration, name, col, labels) AS (
    SELECT v.migration, v.name, v.tab || '.' || v.col,
           (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = a.atttypid)
    FROM (SELECT '012', 'user_role', 'users', 'role'
          UNION ALL SELECT '011', 'conversation_status', 'conversations', 'status'
          UNION ALL SELECT '011', 'message_sender', 'messages', 'sender'
          UNION ALL SELECT '010', 'llm_provider', base, 'llm_provider' FROM setting) AS v (migration, name, tab, col)
    JOIN pg_attribute AS a
        ON a.attrelid = to_regclass('public.' || v.tab) AND a.attname = v.col AND NOT a.attisdropped
    JOIN pg_type AS y ON y.oid = a.atttypid AND y.typtype = 'e'
),
led_to (migration, name, col, labels, becoming, expected) AS (
    SELECT e.migration, e.name, e.col, e.labels,
           CASE e.name
               -- With both labels, the type is made anew.
               WHEN 'user_role' THEN CASE
                   WHEN NOT e.labels @> ARRAY['kb_owner', 'professional']
                   THEN array_replace(e.labels, 'kb_owner', 'professional')
                   WHEN e.labels <@ ARRAY['super_admin', 'kb_owner', 'professional', 'end_user']
                   THEN ARRAY['super_admin', 'professional', 'end_user']
                   ELSE array_remove(e.labels, 'kb_owner') END
               WHEN 'conversation_status' THEN CASE
                   WHEN e.labels @> ARRAY['handed_over'] THEN e.labels
                   ELSE coalesce((SELECT array_agg(x.label ORDER BY x.nr, x.label = 'closed')
                                  FROM (SELECT label, nr FROM unnest(e.labels) WITH ORDINALITY AS l (label, nr)
                                        UNION ALL SELECT 'handed_over', array_position(e.labels, 'closed')) AS x (label, nr)),
                                 e.labels) END
               WHEN 'message_sender' THEN array_replace(e.labels, 'twin', 'assistant')
                   || CASE WHEN e.labels @> ARRAY['professional'] THEN '{}'::text[] ELSE ARRAY['professional'] END
               -- Kept, gemini comes last; with remove, the type is made anew.
               ELSE CASE
                   WHEN e.labels @> ARRAY['gemini'] AND s.gemini = 'remove'
                        AND e.labels <@ ARRAY['openai', 'anthropic', 'ollama', 'custom', 'gemini']
                   THEN ARRAY['openai', 'anthropic', 'ollama', 'custom']
                   WHEN s.gemini = 'keep' AND array_position(e.labels, 'gemini') < cardinality(e.labels) THEN e.labels
                   ELSE array_remove(e.labels, 'gemini') END
           END,
           CASE e.name
               WHEN 'user_role' THEN ARRAY['super_admin', 'professional', 'end_user']
               WHEN 'conversation_status' THEN ARRAY['active', 'handed_over', 'closed']
               WHEN 'message_sender' THEN ARRAY['user', 'assistant', 'professional']
               ELSE ARRAY['openai', 'anthropic', 'ollama', 'custom']
           END
    FROM enum AS e
    CROSS JOIN setting AS s
),
heir (top, rel) AS (
    SELECT v.top, i.inhrelid
    FROM (SELECT base FROM setting UNION ALL SELECT 'conversations') AS v (top)
    JOIN pg_inherits AS i ON i.inhparent = to_regclass('public.' || v.top)
    UNION
    SELECT h.top, i.inhrelid FROM heir AS h JOIN pg_inherits AS i ON i.inhparent = h.rel
),
clock AS (
    SELECT s.base, (SELECT count(*) FROM pg_trigger AS t
                    WHERE t.tgrelid = to_regclass('public.' || s.base)
                      AND t.tgname IN ('update_digital_twins_updated_at', 'update_knowledge_bases_updated_at')) AS many,
           (SELECT t.tgname FROM pg_trigger AS t
            WHERE t.tgrelid = to_regclass('public.' || s.base) AND t.tgenabled <> 'O'
              AND t.tgname IN ('update_digital_twins_updated_at', 'update_knowledge_bases_updated_at') LIMIT 1) AS off
    FROM setting AS s
)
SELECT migration, format('column %s of table %s', col, tab) AS object,
       coalesce(found, 'missing') AS found, expected AS needed,
       CASE WHEN rel IS NULL THEN format('Make the table %s again, or restore it from a backup', tab)
            WHEN expected = 'there' OR (found IS NULL AND expected = 'NOT NULL')
            THEN 'Make the column again (sql/demo/baseline.sql has it), or restore it from a backup'
            WHEN found IS NULL THEN format('ALTER TABLE public.%I ADD COLUMN %I %s', tab, col, expected)
            WHEN found = 'nullable' OR found || ' NOT NULL' = expected
            THEN format('ALTER TABLE public.%I ALTER COLUMN %I SET NOT NULL', tab, col)
            WHEN found = expected || ' NOT NULL' THEN format('ALTER TABLE public.%I ALTER COLUMN %I DROP NOT NULL', tab, col)
            ELSE format('ALTER TABLE public.%I ALTER COLUMN %I TYPE %s', tab, col, replace(expected, ' NOT NULL', ''))
       END AS remedy
FROM found_column
WHERE found IS DISTINCT FROM expected
UNION ALL
SELECT '010', format('constraint %s of table %s', coalesce(conname, name), tab),
       coalesce(CASE WHEN found <> expected THEN found END, CASE WHEN NOT convalidated THEN 'not validated' END,
                CASE WHEN off THEN 'not enforced: a trigger of it is off' END, 'missing'),
       expected,
       CASE WHEN conname IS NULL OR found <> expected
            THEN CASE WHEN conname IS NOT NULL THEN format('ALTER TABLE public.%I DROP CONSTRAINT %I; ', tab, conname) ELSE '' END
                 || format('ALTER TABLE public.%I ADD CONSTRAINT %I ', tab, name)
                 || CASE tab WHEN 'digital_twins' THEN expected
                    ELSE (SELECT CASE base WHEN 'knowledge_bases'
                          THEN replace(replace(expected, 'digital_twins', base), '(twin_id)', '(kb_id)') ELSE expected END
                          FROM setting) END
            WHEN NOT convalidated THEN format('ALTER TABLE public.%I VALIDATE CONSTRAINT %I', tab, conname)
            ELSE format('ALTER TABLE public.%I ENABLE TRIGGER ALL, and look for rows that it should have refused', tab) END
FROM found_constraint
WHERE rel IS NOT NULL AND (found IS DISTINCT FROM expected OR NOT convalidated OR off)
UNION ALL
SELECT f.migration, format('constraint %s of table %s', c.conname, f.tab), 'named ' || c.conname, f.tab || '_twin_id_not_null',
       format('ALTER TABLE public.%I RENAME CONSTRAINT %I TO %I', f.tab, c.conname, f.tab || '_' || f.col || '_not_null')
FROM found_column AS f
JOIN holder AS h ON h.tab = f.tab AND h.required
JOIN setting AS s ON s.names_not_null
JOIN pg_constraint AS c ON c.conrelid = f.rel AND c.contype = 'n' AND c.conkey = ARRAY[f.attnum]
WHERE f.col IN ('kb_id', 'twin_id') AND c.conname NOT IN (f.tab || '_twin_id_not_null', f.tab || '_kb_id_not_null')
UNION ALL
SELECT migration, 'index ' || relname, found, name || ': ' || expected,
       'Rename it; the rollback makes the index that it needs then, which takes time in the outage if the table is large'
FROM found_index WHERE found <> expected
UNION ALL
SELECT migration, 'type ' || name, array_to_string(labels, ', '), array_to_string(expected, ', '),
       CASE WHEN NOT becoming <@ expected
            THEN format('Make the type without %s, and give the rows of %s another value first',
                        (SELECT string_agg(quote_literal(label), ', ') FROM unnest(becoming) AS label WHERE label <> ALL (expected)),
                        col)
            ELSE 'Make the type with these labels in this order' END
FROM led_to
WHERE becoming IS DISTINCT FROM expected AND NOT (name = 'message_sender' AND labels @> ARRAY['assistant', 'twin'])
UNION ALL
SELECT v.migration, format('column %s of table %s', v.col, v.tab), 'of type ' || format_type(a.atttypid, a.atttypmod),
       'the type public.' || v.typ, format('Give the column the type public.%s again, and the type its name', v.typ)
FROM (SELECT '012', 'user_role', 'users', 'role'
      UNION ALL SELECT '011', 'conversation_status', 'conversations', 'status'
      UNION ALL SELECT '011', 'message_sender', 'messages', 'sender'
      UNION ALL SELECT '010', 'llm_provider', base, 'llm_provider' FROM setting) AS v (migration, typ, tab, col)
JOIN pg_attribute AS a ON a.attrelid = to_regclass('public.' || v.tab) AND a.attname = v.col AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE t.typnamespace <> 'public'::regnamespace
   OR t.typname <> ALL (ARRAY[v.typ] || CASE v.migration WHEN '010' THEN '{}'::text[]
                                                          ELSE ARRAY[v.typ || '_new', v.typ || '_old'] END)
UNION ALL
-- Columns that an earlier rollback may have made: of the baseline's type, or of one that can become it.
SELECT v.migration, format('column %s of table %s', v.col, v.tab), format_type(a.atttypid, a.atttypmod), v.expected,
       format('ALTER TABLE public.%I ALTER COLUMN %I TYPE %s USING …, or drop the column: the rollback makes it', v.tab, v.col,
              v.expected)
FROM (SELECT '010', base, c.col, 'jsonb', '^(jsonb|json|text|character varying.*|.*\[\])$'
      FROM setting, (VALUES ('personality_traits'), ('capabilities'), ('services'), ('pricing_info'),
                            ('availability_schedule')) AS c (col)
      UNION ALL
      SELECT '010', base, 'handover_threshold', 'numeric(3,2)',
             '^(numeric.*|integer|smallint|bigint|real|double precision|text|character varying.*)$' FROM setting
      UNION ALL
      SELECT '011', 'conversations', 'handed_over_at', 'timestamp without time zone', '^timestamp without time zone$'
     ) AS v (migration, tab, col, expected, fits)
JOIN pg_attribute AS a ON a.attrelid = to_regclass('public.' || v.tab) AND a.attname = v.col AND NOT a.attisdropped
WHERE format_type(a.atttypid, a.atttypmod) !~ v.fits
UNION ALL
-- A column that a script adds comes to the tables that inherit as well: one of that name must be of that type.
SELECT CASE v.col WHEN 'handed_over_at' THEN '011' ELSE '010' END, format('column %s of table %s', v.col, h.rel::regclass),
       format_type(a.atttypid, a.atttypmod), format('%s, like the column that %s gets', v.expected, h.top),
       format('ALTER TABLE %s RENAME COLUMN %I TO …', h.rel::regclass, v.col)
FROM heir AS h
JOIN pg_attribute AS a ON a.attrelid = h.rel AND NOT a.attisdropped AND a.attislocal
JOIN (VALUES ('profession', 'character varying(255)'), ('bio', 'text'), ('personality_traits', 'jsonb'),
             ('communication_style', 'text'), ('capabilities', 'jsonb'), ('services', 'jsonb'), ('pricing_info', 'jsonb'),
             ('availability_schedule', 'jsonb'), ('handover_threshold', 'numeric(3,2)'),
             ('handed_over_at', 'timestamp without time zone')) AS v (col, expected) ON v.col = a.attname
WHERE (v.col = 'handed_over_at') = (h.top = 'conversations') AND format_type(a.atttypid, a.atttypmod) <> v.expected
UNION ALL
SELECT '011', format('table %s', v.tab), 'without a primary key or unique constraint on id', 'PRIMARY KEY (id)',
       format('ALTER TABLE public.%I ADD PRIMARY KEY (id)', v.tab)
FROM (VALUES ('users'), ('conversations')) AS v (tab)
WHERE to_regclass('public.' || v.tab) IS NOT NULL
  AND NOT EXISTS (SELECT FROM pg_index AS x JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attname = 'id'
                  WHERE x.indrelid = to_regclass('public.' || v.tab) AND x.indisunique AND x.indpred IS NULL
                    AND x.indkey::text = a.attnum::text)
UNION ALL
-- Names that PostgreSQL 18 gives to the constraints of NOT NULL, unless somebody has them.
SELECT v.migration, format('constraint %s on table %s', v.name, c.conrelid::regclass), 'of that name', 'the name free',
       format('ALTER TABLE %s RENAME CONSTRAINT %I TO …', c.conrelid::regclass, v.name)
FROM setting AS s,
     (VALUES ('010', 'digital_twins_profession_not_null'), ('012', 'users_password_hash_not_null')) AS v (migration, name),
     pg_constraint AS c
WHERE s.names_not_null AND c.connamespace = 'public'::regnamespace AND c.conname = v.name AND c.contype <> 'n'
UNION ALL
SELECT v.migration, 'rollback.' || v.name, 'there, without ' || string_agg(v.col, ', '), 'the archive, or nothing',
       format('ALTER TABLE rollback.%I RENAME TO …', v.name)
FROM (VALUES ('012', 'archived_users', 'id'), ('012', 'archived_users', 'oauth_provider'),
             ('012', 'archived_users', 'oauth_id'), ('012', 'archived_users', 'avatar_url'),
             ('010', 'archived_knowledge_bases', 'id'), ('010', 'archived_knowledge_bases', 'description'),
             ('010', 'archived_knowledge_bases', 'is_public'), ('010', 'archived_knowledge_bases', 'share_url'),
             ('010', 'archived_knowledge_bases', 'llm_provider')) AS v (migration, name, col)
JOIN pg_class AS r ON r.oid = to_regclass('rollback.' || v.name)
WHERE r.relkind <> 'r' OR NOT EXISTS (SELECT FROM pg_attribute AS a
                                      WHERE a.attrelid = r.oid AND a.attname = v.col AND NOT a.attisdropped)
GROUP BY v.migration, v.name
UNION ALL
SELECT '010', 'trigger update_digital_twins_updated_at of table ' || base,
       CASE WHEN many > 1 THEN 'there beside update_knowledge_bases_updated_at' WHEN many = 0 THEN 'missing' ELSE 'disabled' END,
       'one, enabled',
       CASE WHEN many > 1 THEN 'Drop or rename one of them'
            WHEN many = 0 THEN format('CREATE TRIGGER update_%1$s_updated_at BEFORE UPDATE ON public.%1$I '
                                      'FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column()', base)
            ELSE format('ALTER TABLE public.%I ENABLE TRIGGER %I', base, off) END
FROM clock WHERE many <> 1 OR off IS NOT NULL
UNION ALL
SELECT '010', 'view llm_user_costs', 'no output column ' || v.name, v.name || ' or ' || v.other,
       'Make the view again with that column (sql/demo/baseline.sql has it)'
FROM (VALUES ('twin_id', 'kb_id', 'knowledge_base_id'), ('twin_name', 'kb_name', 'knowledge_base_name')) AS v (name, other, long)
WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = to_regclass('public.llm_user_costs')
                  AND a.attname IN (v.name, v.other, v.long) AND NOT a.attisdropped)
UNION ALL
SELECT v.migration, 'name ' || v.name, 'taken by ' || pg_describe_object('pg_type'::regclass, t.oid, 0), 'free', 'Rename that type'
FROM (VALUES ('010', 'digital_twins'), ('011', 'handover_notifications')) AS v (migration, name)
JOIN pg_type AS t ON t.typnamespace = 'public'::regnamespace AND t.typname = v.name
WHERE to_regclass('public.' || v.name) IS NULL
UNION ALL
SELECT '011', 'handover_notifications', pg_describe_object('pg_class'::regclass, r.oid, 0), 'a table or nothing', 'Rename it'
FROM pg_class AS r WHERE r.oid = to_regclass('public.handover_notifications') AND r.relkind NOT IN ('r', 'p')
UNION ALL
SELECT '011', 'column id of table conversations', 'no default', 'a default like uuid_generate_v4()',
       'ALTER TABLE public.conversations ALTER COLUMN id SET DEFAULT uuid_generate_v4()'
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass('public.conversations') AND a.attname = 'id' AND NOT a.atthasdef
UNION ALL
SELECT '011', 'table handover_notifications', 'it belongs to ' || pg_get_userbyid(n.relowner),
       'the owner of conversations, ' || pg_get_userbyid(c.relowner),
       format('ALTER TABLE public.handover_notifications OWNER TO %I', pg_get_userbyid(c.relowner))
FROM pg_class AS n, pg_class AS c
WHERE n.oid = to_regclass('public.handover_notifications') AND n.relkind IN ('r', 'p')
  AND c.oid = to_regclass('public.conversations') AND n.relowner <> c.relowner
UNION ALL
SELECT '011', 'table handover_notifications', format('%s may not %s it', g.who, g.privilege_type), 'granted like conversations',
       format('GRANT %s ON public.handover_notifications TO %s', g.privilege_type, g.who)
FROM (
    SELECT CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(p.grantee)) END AS who, p.privilege_type
    FROM pg_class AS c, aclexplode(c.relacl) AS p
    WHERE c.oid = to_regclass('public.conversations') AND p.grantee <> c.relowner
      AND to_regclass('public.handover_notifications') IS NOT NULL
    EXCEPT
    SELECT CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(p.grantee)) END, p.privilege_type
    FROM pg_class AS c, aclexplode(c.relacl) AS p
    WHERE c.oid = to_regclass('public.handover_notifications')
) AS g
ORDER BY 1, 2
