-- What would make a rollback script fail, or its result another than declared, with why and what to do about it; no row
-- means: nothing in the way. Filter by migration where one is skipped. Reads rollback.gemini and rollback.bot_label like
-- the scripts do. needs.sql lists what the end state needs beside this.
-- Locks: ACCESS SHARE on catalogues; where handover_notifications lacks something, on that table.
WITH RECURSIVE setting AS (
    SELECT coalesce(nullif(current_setting('rollback.gemini', true), ''), 'keep') AS gemini
),
col (migration, rel, num, name, typ) AS (
    SELECT v.migration, a.attrelid, a.attnum, v.tab || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
    FROM (VALUES ('010', 'knowledge_bases'), ('010', 'digital_twins'), ('012', 'users')) AS v (migration, tab)
    JOIN pg_class AS r ON r.oid = to_regclass('public.' || v.tab) AND r.relkind IN ('r', 'p')
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
),
dropped (migration, rel, col) AS (
    SELECT migration, rel, split_part(name, '.', 2) FROM col
    WHERE (migration = '010' AND name ~ '\.(description|is_public|share_url)$')
       OR (migration = '012' AND name ~ '\.(oauth_provider|oauth_id|avatar_url)$')
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
),
-- END OF RULE
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
twin_holder (rel, tab) AS (
    SELECT r.oid, v.tab
    FROM (VALUES ('knowledge_base'), ('conversations'), ('analytics_events'), ('benchmark_datasets'), ('benchmark_runs'),
                 ('benchmark_ab_tests'), ('web_sources'), ('llm_usage'), ('document_processing_jobs')) AS v (tab)
    JOIN pg_class AS r ON r.oid = to_regclass('public.' || v.tab) AND r.relkind IN ('r', 'p')
),
lacking (rel, lacking) AS (
    SELECT r.oid, string_agg(v.item, ', ')
    FROM pg_class AS r,
    (VALUES ('id uuid NOT NULL DEFAULT'), ('conversation_id uuid NOT NULL'), ('user_id uuid NOT NULL'), ('reason text'),
            ('is_read boolean DEFAULT'), ('is_accepted boolean DEFAULT'), ('accepted_at timestamp without time zone'),
            ('created_at timestamp without time zone DEFAULT'), ('handover_notifications_pkey p'),
            ('handover_notifications_conversation_id_fkey f c conversations'),
            ('handover_notifications_user_id_fkey f c users')) AS v (item)
    WHERE r.oid = to_regclass('public.handover_notifications') AND r.relkind IN ('r', 'p') AND v.item NOT IN (
        SELECT concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                         CASE WHEN a.attnotnull THEN 'NOT NULL' END, CASE WHEN a.atthasdef THEN 'DEFAULT' END)
        FROM pg_attribute AS a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT concat_ws(' ', c.conname, c.contype, nullif(c.confdeltype, ' '), f.relname)
        FROM pg_constraint AS c LEFT JOIN pg_class AS f ON f.oid = c.confrelid
        WHERE c.conrelid = r.oid AND c.contype IN ('p', 'f'))
    GROUP BY r.oid
),
obstacle (migration, classid, objid, objsubid, why) AS (
    SELECT s.migration, s.classid, s.objid, s.objsubid,
           CASE WHEN s.num IS NULL
                THEN 'it holds whole rows of ' || (SELECT string_agg(DISTINCT d.rel::regclass::text, ', ') FROM dropped AS d
                                                   WHERE d.migration = s.migration) || ', whose columns change'
                ELSE format('it uses the column %s.%s, which is dropped', s.rel::regclass, a.attname)
           END
    FROM standing AS s
    LEFT JOIN pg_attribute AS a ON a.attrelid = s.rel AND a.attnum = s.num
    WHERE NOT s.goes
    UNION ALL
    SELECT s.migration, s.classid, s.objid, s.objsubid, 'it goes with its column and is the REPLICA IDENTITY of its table, which a '
           || 'publication needs for every UPDATE: give the table another one (ALTER TABLE … REPLICA IDENTITY DEFAULT) first'
    FROM standing AS s
    JOIN pg_index AS x ON s.classid = 'pg_class'::regclass AND x.indexrelid = s.objid
    WHERE s.goes AND x.indisreplident
    UNION ALL
    SELECT s.migration, 'pg_class'::regclass, x.indexrelid, 0, 'it goes with its column and is the REPLICA IDENTITY of its table, '
           || 'which a publication needs for every UPDATE: give the table another one (ALTER TABLE … REPLICA IDENTITY DEFAULT) first'
    FROM standing AS s
    JOIN pg_constraint AS c ON s.classid = 'pg_constraint'::regclass AND c.oid = s.objid
    JOIN pg_index AS x ON x.indexrelid = c.conindid
    WHERE s.goes AND x.indisreplident
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
    UNION ALL
    -- Only the columns that the table has of its own can be dropped or renamed, and none that it is partitioned by.
    SELECT g.migration, 'pg_class'::regclass, g.rel, g.num, 'it is dropped, and the table inherits it or is partitioned by it'
    FROM going AS g
    JOIN kin AS k ON k.rel = g.rel AND k.own
    JOIN pg_attribute AS a ON a.attrelid = g.rel AND a.attnum = g.num AND a.attname = k.col
    LEFT JOIN pg_partitioned_table AS p ON p.partrelid = g.rel
    WHERE a.attinhcount > 0 OR g.num = ANY (p.partattrs::int2[])
    UNION ALL
    SELECT '010', 'pg_class'::regclass, a.attrelid, a.attnum, 'it is renamed, and the table inherits it'
    FROM twin_holder AS h
    JOIN pg_attribute AS a ON a.attrelid = h.rel AND a.attname = 'kb_id' AND NOT a.attisdropped
    WHERE a.attinhcount > 0
    UNION ALL
    -- Types that a recreation left behind, which the scripts drop unless something uses them.
    SELECT v.migration, x.classid, x.objid, x.objsubid,
           format('it uses the type %s, which a half-made change left behind and which is dropped', t.typname)
    FROM (VALUES ('012', 'user_role', 'users', 'role'), ('011', 'conversation_status', 'conversations', 'status'),
                 ('011', 'message_sender', 'messages', 'sender'), ('010', 'llm_provider', 'knowledge_bases', 'llm_provider'),
                 ('010', 'llm_provider', 'digital_twins', 'llm_provider')) AS v (migration, typ, tab, col)
    JOIN pg_type AS t
        ON t.typnamespace = 'public'::regnamespace AND t.typname IN (v.typ || '_new', v.typ || '_old')
    JOIN pg_depend AS x ON x.refclassid = 'pg_type'::regclass AND x.refobjid IN (t.oid, t.typarray)
    WHERE NOT (x.classid = 'pg_type'::regclass AND x.objid = t.typarray)
      AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = to_regclass('public.' || v.tab)
                      AND a.attname = v.col AND a.atttypid = t.oid)
    UNION ALL
    -- A handover_notifications that lacks something is dropped where it is empty; what the team made on it would go too.
    SELECT '011', x.classid, x.objid, x.objsubid, 'it stands on the table handover_notifications, which lacks '
           || l.lacking || ' and is made anew'
    FROM lacking AS l
    JOIN pg_depend AS x ON x.refclassid = 'pg_class'::regclass AND x.refobjid = l.rel
    LEFT JOIN pg_class AS i ON x.classid = 'pg_class'::regclass AND i.oid = x.objid
    LEFT JOIN pg_constraint AS c ON x.classid = 'pg_constraint'::regclass AND c.oid = x.objid
    WHERE NOT coalesce(i.relkind IN ('i', 'S', 't') OR c.conrelid = l.rel, false)
      AND x.classid NOT IN ('pg_attrdef'::regclass, 'pg_type'::regclass)
)
SELECT o.migration, CASE
           WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0)
           WHEN e.oid IS NOT NULL THEN pg_describe_object('pg_class'::regclass, e.adrelid, e.adnum)
           ELSE pg_describe_object(o.classid, o.objid, o.objsubid) END AS object,
       string_agg(DISTINCT o.why, '; ') AS why,
       CASE WHEN o.migration = '010' AND bool_or(o.why ~ 'llm_provider')
            THEN 'Drop or change it, and make it again after the rollback; or keep the label gemini'
            WHEN bool_or(o.why ~ 'inherits it|partitioned by')
            THEN 'Detach the table (ALTER TABLE … NO INHERIT, DETACH PARTITION), or roll back by hand'
            ELSE 'Drop or change it, and make it again after the rollback' END AS remedy
FROM obstacle AS o
LEFT JOIN pg_rewrite AS w ON o.classid = 'pg_rewrite'::regclass AND w.oid = o.objid
LEFT JOIN pg_attrdef AS e ON o.classid = 'pg_attrdef'::regclass AND e.oid = o.objid
GROUP BY 1, 2
UNION ALL
SELECT '010', 'knowledge_bases', 'public.digital_twins exists beside it',
       'Find out which of them holds the data; rename or drop the other'
WHERE to_regclass('public.digital_twins') IS NOT NULL
  AND EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.knowledge_bases') AND relkind IN ('r', 'p'))
UNION ALL
SELECT '010', format('column kb_id of table %s', r.relname), 'twin_id exists beside it',
       'Find out which of them holds the data; rename or drop the other'
FROM twin_holder AS h JOIN pg_class AS r ON r.oid = h.rel
WHERE 2 = (SELECT count(*) FROM pg_attribute AS a
           WHERE a.attrelid = r.oid AND a.attname IN ('kb_id', 'twin_id') AND NOT a.attisdropped)
UNION ALL
SELECT '011', 'type message_sender', 'it has both labels assistant and twin',
       'Bring the messages to one of the two and make the type without the other'
WHERE 2 = (SELECT count(*) FROM pg_enum
           WHERE enumtypid = to_regtype('public.message_sender') AND enumlabel IN ('assistant', 'twin'))
UNION ALL
SELECT '011', 'table handover_notifications', 'it has rows, but lacks ' || lacking, 'Rename it'
FROM lacking WHERE pg_relation_size(rel) > 0
ORDER BY 1, 2
