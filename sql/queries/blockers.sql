-- What would make a rollback script fail, with why and what to do about it. No row means: nothing in the way.
-- Filter by migration where one is skipped. Reads rollback.gemini like 010 does.
-- Locks: ACCESS SHARE on catalogues only.
WITH setting AS (
    SELECT coalesce(nullif(current_setting('rollback.gemini', true), ''), 'keep') AS gemini
),
col (migration, rel, num, name, typ) AS (
    SELECT v.migration, a.attrelid, a.attnum, v.tab || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
    FROM (VALUES ('010', 'knowledge_bases'), ('010', 'digital_twins'), ('012', 'users')) AS v (migration, tab)
    JOIN pg_class AS r ON r.oid = to_regclass('public.' || v.tab) AND r.relkind IN ('r', 'p')
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
),
dropped AS (
    SELECT * FROM col
    WHERE (migration = '010' AND name ~ '\.(description|is_public|share_url)$')
       OR (migration = '012' AND name ~ '\.(oauth_provider|oauth_id|avatar_url)$')
),
-- Columns that an earlier, faulty rollback left with another type than the baseline's.
retyped AS (
    SELECT * FROM col
    WHERE migration = '010'
      AND ((name ~ '\.profession$' AND typ <> 'character varying(255)')
           OR (name ~ '\.(bio|communication_style)$' AND typ <> 'text')
           OR (name ~ '\.(personality_traits|capabilities|services|pricing_info|availability_schedule)$' AND typ <> 'jsonb')
           OR (name ~ '\.handover_threshold$' AND typ <> 'numeric(3,2)'))
),
-- Enums that are made anew: user_role only where both labels exist, llm_provider where gemini is to go.
remade (migration, typ, typarray, name, rel, num) AS (
    SELECT v.migration, t.oid, t.typarray, v.name, c.rel, c.num
    FROM (VALUES ('012', 'user_role', '\.role$'), ('010', 'llm_provider', '\.llm_provider$')) AS v (migration, name, col)
    JOIN pg_type AS t ON t.oid = to_regtype('public.' || v.name)
    JOIN col AS c ON c.migration = v.migration AND c.name ~ v.col
    CROSS JOIN setting AS s
    CROSS JOIN LATERAL (SELECT array_agg(enumlabel::text) AS labels FROM pg_enum WHERE enumtypid = t.oid) AS e
    WHERE (v.name = 'user_role' AND e.labels @> ARRAY['kb_owner', 'professional'])
       OR (v.name = 'llm_provider' AND e.labels @> ARRAY['gemini'] AND s.gemini = 'remove')
),
standing (migration, classid, objid, objsubid, why) AS (
    SELECT d.migration, x.classid, x.objid, x.objsubid, format('it uses the column %s, which is dropped', d.name)
    FROM dropped AS d
    JOIN pg_depend AS x ON x.refclassid = 'pg_class'::regclass AND x.refobjid = d.rel AND x.refobjsubid = d.num
    LEFT JOIN pg_class AS i ON x.classid = 'pg_class'::regclass AND i.oid = x.objid
    LEFT JOIN pg_constraint AS c ON x.classid = 'pg_constraint'::regclass AND c.oid = x.objid
    LEFT JOIN pg_attrdef AS e ON x.classid = 'pg_attrdef'::regclass AND e.oid = x.objid
    WHERE NOT coalesce(i.relkind = 'i' AND i.relname IN (
                       'idx_users_oauth', 'idx_users_avatar_url', 'idx_knowledge_bases_share_url',
                       'idx_knowledge_bases_is_public'), false)
      AND NOT coalesce(c.contype = 'n' OR (d.migration = '010' AND c.contype = 'u' AND c.conkey = ARRAY[d.num]), false)
      AND NOT coalesce(e.adnum = d.num, false)
    UNION ALL
    SELECT r.migration, x.classid, x.objid, x.objsubid, format('it uses the column %s, whose type changes', r.name)
    FROM (SELECT migration, rel, num, name FROM retyped
          UNION ALL
          SELECT m.migration, m.rel, m.num, m.name FROM remade AS m) AS r
    JOIN pg_depend AS x ON x.refclassid = 'pg_class'::regclass AND x.refobjid = r.rel AND x.refobjsubid = r.num
    LEFT JOIN pg_attrdef AS e ON x.classid = 'pg_attrdef'::regclass AND e.oid = x.objid
    WHERE x.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass, 'pg_attrdef'::regclass)
      AND NOT coalesce(e.adnum = r.num, false)
    UNION ALL
    SELECT m.migration, x.classid, x.objid, x.objsubid, format('it uses the type %s, which is made anew', m.name)
    FROM remade AS m
    JOIN pg_depend AS x ON x.refclassid = 'pg_type'::regclass AND x.refobjid IN (m.typ, m.typarray)
    LEFT JOIN pg_attrdef AS e ON x.classid = 'pg_attrdef'::regclass AND e.oid = x.objid
    WHERE NOT (x.classid = 'pg_type'::regclass AND x.objid = m.typarray)
      AND NOT (x.classid = 'pg_class'::regclass AND x.objid = m.rel AND x.objsubid = m.num)
      AND NOT coalesce(e.adrelid = m.rel AND e.adnum = m.num, false)
)
SELECT migration, pg_describe_object(classid, objid, objsubid) AS object, string_agg(DISTINCT why, '; ') AS why,
       CASE WHEN migration = '010' AND bool_or(why ~ 'llm_provider')
            THEN 'drop or change it, and make it again after the rollback; or keep the label gemini'
            ELSE 'drop or change it, and make it again after the rollback' END AS remedy
FROM standing
GROUP BY migration, classid, objid, objsubid
UNION ALL
SELECT '010', 'knowledge_bases', 'public.digital_twins exists beside it',
       'find out which of them holds the data; rename or drop the other'
WHERE to_regclass('public.digital_twins') IS NOT NULL
  AND EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.knowledge_bases') AND relkind IN ('r', 'p'))
UNION ALL
SELECT '010', format('column kb_id of table %s', r.relname), 'twin_id exists beside it',
       'find out which of them holds the data; rename or drop the other'
FROM pg_class AS r
WHERE r.relnamespace = 'public'::regnamespace AND r.relkind IN ('r', 'p')
  AND r.relname IN ('knowledge_base', 'conversations', 'analytics_events', 'benchmark_datasets', 'benchmark_runs',
                    'benchmark_ab_tests', 'web_sources', 'llm_usage', 'document_processing_jobs')
  AND 2 = (SELECT count(*) FROM pg_attribute AS a
           WHERE a.attrelid = r.oid AND a.attname IN ('kb_id', 'twin_id') AND NOT a.attisdropped)
UNION ALL
SELECT '011', 'type message_sender', 'it has both labels assistant and twin',
       'bring the messages to one of the two and make the type without the other'
WHERE 2 = (SELECT count(*) FROM pg_enum
           WHERE enumtypid = to_regtype('public.message_sender') AND enumlabel IN ('assistant', 'twin'))
UNION ALL
SELECT '011', 'table handover_notifications', 'it has rows, but lacks ' || v.lacking, 'rename it'
FROM pg_class AS r,
LATERAL (
    SELECT string_agg(c.name || ' ' || c.type, ', ') AS lacking
    FROM (VALUES ('id', 'uuid'), ('conversation_id', 'uuid'), ('user_id', 'uuid'), ('reason', 'text'),
                 ('is_read', 'boolean'), ('is_accepted', 'boolean'), ('accepted_at', 'timestamp without time zone'),
                 ('created_at', 'timestamp without time zone')) AS c (name, type)
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                      WHERE a.attrelid = r.oid AND a.attname = c.name AND format_type(a.atttypid, a.atttypmod) = c.type)
) AS v
WHERE r.oid = to_regclass('public.handover_notifications') AND v.lacking IS NOT NULL AND pg_relation_size(r.oid) > 0
ORDER BY 1, 2
