-- Everything that a release can rely on, in all of the user's schemas, read from the catalogue: one row a fact.
--
-- kind, object, definition; identity is classid:objid:subid, by which an object can be followed through renames.
-- schema is where the object lies, empty for what lies in none (event triggers, publications, schemas). Names in public
-- are bare, all others have their schema. goes is the migration whose script drops the column on which the object
-- stands alone, so that it goes with it.
-- Left out: members of extensions, the order of columns, the owner's name (written as owner), schema rollback.
-- Run it with search_path = public, then the schemas that hold extensions, then extensions: how PostgreSQL
-- spells a definition depends on it. Labels come from pg_enum, so that one added in this transaction does not matter.
-- Locks: ACCESS SHARE on catalogues only.
WITH RECURSIVE dropped (migration, rel, col) AS (
    SELECT v.migration, r.oid, v.col
    FROM (VALUES ('010', 'knowledge_bases', 'description'), ('010', 'knowledge_bases', 'is_public'),
                 ('010', 'knowledge_bases', 'share_url'), ('010', 'digital_twins', 'description'),
                 ('010', 'digital_twins', 'is_public'), ('010', 'digital_twins', 'share_url'),
                 ('012', 'users', 'oauth_provider'), ('012', 'users', 'oauth_id'), ('012', 'users', 'avatar_url')
         ) AS v (migration, tab, col)
    JOIN pg_class AS r ON r.oid = to_regclass('public.' || v.tab) AND r.relkind IN ('r', 'p')
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
-- An empty handover_notifications that lacks columns is made anew by 011, with all that stands on it alone.
remade (rel) AS (
    SELECT r.oid FROM pg_class AS r
    WHERE r.oid = to_regclass('public.handover_notifications') AND r.relkind = 'r'
      AND 11 > (SELECT count(*) FROM pg_attribute AS a
                WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
                  AND a.attname IN ('id', 'conversation_id', 'user_id', 'reason', 'is_read', 'is_accepted', 'accepted_at',
                                    'created_at'))
               + (SELECT count(*) FROM pg_constraint AS c WHERE c.conrelid = r.oid AND c.contype IN ('p', 'f'))
),
gone (class, id, sub, migration) AS (
    SELECT 'pg_class'::regclass::oid, rel, num::int, migration FROM going
    UNION
    SELECT classid, objid, objsubid, migration FROM standing WHERE goes
    UNION
    SELECT d.classid, d.objid, d.objsubid, s.migration
    FROM standing AS s
    JOIN pg_depend AS d ON d.refclassid = s.classid AND d.refobjid = s.objid AND d.deptype = 'i'
    WHERE s.goes AND s.classid = 'pg_constraint'::regclass AND d.classid = 'pg_class'::regclass
    UNION
    -- NOT NULL where an earlier, faulty rollback left it and the baseline has none; PostgreSQL 18 has a constraint for it.
    SELECT 'pg_constraint'::regclass, c.oid, 0, '010'
    FROM pg_constraint AS c JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
    WHERE c.conrelid IN (to_regclass('public.knowledge_bases'), to_regclass('public.digital_twins')) AND c.contype = 'n'
      AND a.attname IN ('bio', 'personality_traits', 'communication_style', 'capabilities', 'services', 'pricing_info',
                        'availability_schedule', 'handover_threshold')
    UNION
    SELECT 'pg_class'::regclass, rel, 0, '011' FROM remade
    UNION
    SELECT 'pg_class'::regclass, a.attrelid, a.attnum, '011'
    FROM remade JOIN pg_attribute AS a ON a.attrelid = remade.rel AND a.attnum > 0
    UNION
    SELECT d.classid, d.objid, d.objsubid, '011'
    FROM remade
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = remade.rel
    LEFT JOIN pg_class AS i ON d.classid = 'pg_class'::regclass AND i.oid = d.objid
    LEFT JOIN pg_constraint AS c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
    WHERE i.relkind IN ('i', 'S') OR c.conrelid = remade.rel
),
member AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
),
place AS (
    SELECT oid, nspname::text AS schema, CASE nspname WHEN 'public' THEN '' ELSE quote_ident(nspname) || '.' END AS prefix
    FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'rollback')
),
own AS (
    SELECT c.oid, n.prefix || CASE n.schema WHEN 'public' THEN c.relname::text ELSE quote_ident(c.relname) END AS name,
           n.schema, n.prefix, c.relkind AS kind, c.relowner AS owner, c.relacl AS acl,
           c.relrowsecurity, c.relforcerowsecurity, c.relpersistence, c.reloptions
    FROM pg_class AS c
    JOIN place AS n ON n.oid = c.relnamespace
    WHERE (('pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM member))
),
routine AS (
    SELECT p.oid, p.prokind, p.proacl AS acl, p.proowner AS owner, n.schema,
           format('%s%s(%s)', n.prefix, p.proname, pg_get_function_identity_arguments(p.oid)) AS name
    FROM pg_proc AS p
    JOIN place AS n ON n.oid = p.pronamespace
    WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM member)
),
kind_of_type AS (
    SELECT t.oid, n.prefix || t.typname::text AS name, n.schema, t.typtype, t.typrelid, t.typacl AS acl, t.typowner AS owner
    FROM pg_type AS t
    JOIN place AS n ON n.oid = t.typnamespace
    LEFT JOIN pg_class AS c ON c.oid = t.typrelid
    WHERE (t.typrelid = 0 OR c.relkind = 'c')
      AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = t.oid)
      AND ('pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM member)
),
-- Objects of which it is enough that they are there.
simple (class, id, definition) AS (
    SELECT 'pg_namespace'::regclass, oid, '' FROM place WHERE schema <> 'public'
    UNION ALL SELECT 'pg_extension'::regclass, oid, extversion FROM pg_extension
    UNION ALL SELECT 'pg_event_trigger'::regclass, oid,
                     concat_ws(' ', evtevent, evtenabled, array_to_string(evttags, ','), evtfoid::regproc) FROM pg_event_trigger
    UNION ALL SELECT 'pg_publication'::regclass, oid,
                     concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot) FROM pg_publication
    -- Columns and filter by attribute numbers, so that a rename is no change; PostgreSQL 14 has neither.
    UNION ALL SELECT 'pg_publication_rel'::regclass, r.oid,
                     concat_ws(' ', to_jsonb(r) ->> 'prattrs', md5(to_jsonb(r) ->> 'prqual')) FROM pg_publication_rel AS r
    UNION ALL SELECT 'pg_default_acl'::regclass, oid, defaclacl::text FROM pg_default_acl
    UNION ALL SELECT 'pg_operator'::regclass, oid, '' FROM pg_operator
    UNION ALL SELECT 'pg_opclass'::regclass, oid, '' FROM pg_opclass
    UNION ALL SELECT 'pg_opfamily'::regclass, oid, '' FROM pg_opfamily
    UNION ALL SELECT 'pg_collation'::regclass, oid, '' FROM pg_collation
    UNION ALL SELECT 'pg_conversion'::regclass, oid, '' FROM pg_conversion
    UNION ALL SELECT 'pg_cast'::regclass, oid, '' FROM pg_cast
    UNION ALL SELECT 'pg_language'::regclass, oid, '' FROM pg_language
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, '' FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid, '' FROM pg_foreign_server
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, '' FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, '' FROM pg_ts_dict
    UNION ALL SELECT 'pg_ts_parser'::regclass, oid, '' FROM pg_ts_parser
    UNION ALL SELECT 'pg_ts_template'::regclass, oid, '' FROM pg_ts_template
    UNION ALL SELECT 'pg_transform'::regclass, oid, '' FROM pg_transform
    UNION ALL SELECT 'pg_am'::regclass, oid, '' FROM pg_am
),
fact (kind, object, definition, class, id, sub, schema) AS (
    SELECT 'table', name, concat_ws(' ', CASE kind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table'
                                         ELSE 'foreign table' END,
                                    CASE relpersistence WHEN 'u' THEN 'unlogged' END, array_to_string(reloptions, ' ')),
           'pg_class'::regclass, oid, 0, schema
    FROM own WHERE kind IN ('r', 'p', 'f')
    UNION ALL
    SELECT 'inheritance', o.name, string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
           || coalesce(' ' || pg_get_expr(c.relpartbound, c.oid), ''), 'pg_class'::regclass, o.oid, 0, o.schema
    FROM own AS o JOIN pg_class AS c ON c.oid = o.oid JOIN pg_inherits AS i ON i.inhrelid = o.oid
    WHERE o.kind IN ('r', 'p', 'f')
    GROUP BY o.name, o.oid, o.schema, c.oid, c.relpartbound
    UNION ALL
    SELECT 'column', format('%s.%s', o.name, a.attname),
           concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                     CASE WHEN a.attcollation <> t.typcollation
                          THEN 'COLLATE ' || (SELECT collname FROM pg_collation WHERE oid = a.attcollation) END,
                     CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                     CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY'
                                        WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END,
                     CASE a.attgenerated WHEN 's' THEN 'GENERATED STORED' WHEN 'v' THEN 'GENERATED VIRTUAL' END,
                     'DEFAULT ' || pg_get_expr(e.adbin, e.adrelid)),
           'pg_class'::regclass, o.oid, a.attnum, o.schema
    FROM own AS o
    JOIN pg_attribute AS a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
    WHERE o.kind IN ('r', 'p', 'f', 'v', 'm')
    UNION ALL
    SELECT 'constraint', format('%s.%s', o.name, c.conname),
           pg_get_constraintdef(c.oid) || CASE WHEN c.convalidated THEN '' ELSE ' (not validated)' END,
           'pg_constraint'::regclass, c.oid, 0, o.schema
    FROM pg_constraint AS c JOIN own AS o ON o.oid = c.conrelid
    WHERE c.contype <> 't'
    UNION ALL
    SELECT 'index', o.prefix || i.relname::text,
           pg_get_indexdef(i.oid) || CASE WHEN x.indisvalid THEN '' ELSE ' (invalid)' END,
           'pg_class'::regclass, i.oid, 0, o.schema
    FROM pg_index AS x JOIN own AS o ON o.oid = x.indrelid JOIN pg_class AS i ON i.oid = x.indexrelid
    UNION ALL
    SELECT 'trigger', format('%s.%s', o.name, t.tgname),
           pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ' (disabled)'
                                       WHEN 'R' THEN ' (replica)' ELSE ' (always)' END,
           'pg_trigger'::regclass, t.oid, 0, o.schema
    FROM pg_trigger AS t JOIN own AS o ON o.oid = t.tgrelid
    WHERE NOT t.tgisinternal
    UNION ALL
    SELECT CASE kind WHEN 'v' THEN 'view' ELSE 'materialized view' END, name,
           pg_get_viewdef(oid) || coalesce(' WITH (' || array_to_string(reloptions, ', ') || ')', ''),
           'pg_class'::regclass, oid, 0, schema
    FROM own WHERE kind IN ('v', 'm')
    UNION ALL
    SELECT 'rule', format('%s.%s', o.name, r.rulename), pg_get_ruledef(r.oid), 'pg_rewrite'::regclass, r.oid, 0,
           o.schema
    FROM pg_rewrite AS r JOIN own AS o ON o.oid = r.ev_class
    WHERE r.rulename <> '_RETURN'
    UNION ALL
    SELECT 'statistics', n.prefix || s.stxname::text, pg_get_statisticsobjdef(s.oid), 'pg_statistic_ext'::regclass, s.oid,
           0, n.schema
    FROM pg_statistic_ext AS s JOIN own AS o ON o.oid = s.stxrelid JOIN place AS n ON n.oid = s.stxnamespace
    UNION ALL
    SELECT 'function', name, CASE WHEN prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(oid) END,
           'pg_proc'::regclass, oid, 0, schema
    FROM routine
    UNION ALL
    SELECT 'enum', t.name,
           (SELECT string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid),
           'pg_type'::regclass, t.oid, 0, t.schema
    FROM kind_of_type AS t WHERE t.typtype = 'e'
    UNION ALL
    SELECT 'type', t.name,
           concat_ws(' ', CASE t.typtype WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite' WHEN 'r' THEN 'range'
                                         WHEN 'm' THEN 'multirange' ELSE 'base' END,
                     (SELECT format_type(d.typbasetype, d.typtypmod) FROM pg_type AS d
                      WHERE d.oid = t.oid AND d.typbasetype <> 0),
                     (SELECT string_agg(pg_get_constraintdef(c.oid), ' ' ORDER BY c.conname) FROM pg_constraint AS c
                      WHERE c.contypid = t.oid),
                     (SELECT string_agg(format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', '
                                        ORDER BY a.attnum)
                      FROM pg_attribute AS a
                      WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)),
           'pg_type'::regclass, t.oid, 0, t.schema
    FROM kind_of_type AS t WHERE t.typtype <> 'e'
    UNION ALL
    SELECT 'sequence', o.name,
           format('%s start %s increment %s min %s max %s cache %s%s', format_type(s.seqtypid, NULL), s.seqstart,
                  s.seqincrement, s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN ' cycle' ELSE '' END),
           'pg_class'::regclass, o.oid, 0, o.schema
    FROM pg_sequence AS s JOIN own AS o ON o.oid = s.seqrelid
    UNION ALL
    SELECT 'row security', name, CASE WHEN relforcerowsecurity THEN 'forced' ELSE 'on' END,
           'pg_class'::regclass, oid, 0, schema
    FROM own WHERE relrowsecurity OR relforcerowsecurity
    UNION ALL
    SELECT 'policy', format('%s.%s', o.name, p.polname),
           concat_ws(' ', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                     CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                   WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                     'TO ' || (SELECT string_agg(CASE m WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(m) END, ', '
                                                 ORDER BY m) FROM unnest(p.polroles) AS m),
                     'USING ' || pg_get_expr(p.polqual, p.polrelid),
                     'WITH CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid)),
           'pg_policy'::regclass, p.oid, 0, o.schema
    FROM pg_policy AS p JOIN own AS o ON o.oid = p.polrelid
    UNION ALL
    SELECT 'comment', format('%s %s', i.type, i.identity), d.description, d.classoid, d.objoid, d.objsubid,
           coalesce(i.schema, substring(i.identity FROM ' on ([^.]+)\.'), '')
    FROM pg_description AS d,
         LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS i
    WHERE d.objoid >= 16384 -- what initdb made has lower numbers
      AND coalesce(i.schema, substring(i.identity FROM ' on ([^.]+)\.'), '') !~ '^(pg_.*|rollback)$'
      AND i.identity <> 'rollback'
      AND (d.classoid, d.objoid) NOT IN (SELECT classid, objid FROM member)
    UNION ALL
    SELECT i.type, i.identity, s.definition, s.class, s.id, 0, coalesce(i.schema, '')
    FROM simple AS s,
         LATERAL pg_identify_object(s.class, s.id, 0) AS i
    WHERE s.id >= 16384 AND coalesce(i.schema, '') NOT IN ('rollback', 'pg_temp')
      AND (s.class, s.id) NOT IN (SELECT classid, objid FROM member)
    UNION ALL
    SELECT 'grant', g.name, g.granted, g.class, g.oid, g.sub, g.schema
    FROM (
        SELECT o.name, 'pg_class'::regclass AS class, o.oid, 0 AS sub, o.owner,
               coalesce(o.acl, acldefault(CASE o.kind WHEN 'S' THEN 's' ELSE 'r' END::"char", o.owner)) AS acl, o.schema
        FROM own AS o WHERE o.kind IN ('r', 'p', 'f', 'v', 'm', 'S')
        UNION ALL
        SELECT format('%s.%s', o.name, a.attname), 'pg_class'::regclass, o.oid, a.attnum, o.owner, a.attacl,
               o.schema
        FROM own AS o JOIN pg_attribute AS a ON a.attrelid = o.oid
        WHERE o.kind IN ('r', 'p', 'f', 'v', 'm') AND a.attacl IS NOT NULL AND NOT a.attisdropped
        UNION ALL
        SELECT r.name, 'pg_proc'::regclass, r.oid, 0, r.owner, coalesce(r.acl, acldefault('f', r.owner)), r.schema
        FROM routine AS r
        UNION ALL
        SELECT t.name, 'pg_type'::regclass, t.oid, 0, t.owner, coalesce(t.acl, acldefault('T', t.owner)), t.schema
        FROM kind_of_type AS t
        UNION ALL
        SELECT n.nspname, 'pg_namespace'::regclass, n.oid, 0, n.nspowner, n.nspacl, ''
        FROM place AS p JOIN pg_namespace AS n ON n.oid = p.oid WHERE p.schema <> 'public' AND n.nspacl IS NOT NULL
    ) AS o,
    LATERAL (
        SELECT o.name, o.class, o.oid, o.sub, o.schema,
               string_agg(p.who || '=' || p.what, '; ' ORDER BY p.who COLLATE "C") AS granted
        FROM (
            SELECT CASE e.grantee WHEN 0 THEN 'PUBLIC' WHEN o.owner THEN 'owner'
                                  ELSE pg_get_userbyid(e.grantee)::text END AS who,
                   string_agg(DISTINCT e.privilege_type || CASE WHEN e.is_grantable THEN '*' ELSE '' END, ',') AS what
            FROM aclexplode(o.acl) AS e
            GROUP BY 1
        ) AS p
    ) AS g
)
-- PostgreSQL spells "varchar IN (…)" in two ways, before and after a dump and restore. Here it is one.
SELECT f.kind::text, f.object::text,
       CASE WHEN f.kind IN ('constraint', 'index', 'view', 'materialized view', 'policy')
            THEN regexp_replace(regexp_replace(coalesce(f.definition, ''), $$\(('(?:[^']|'')*'::character varying)\)::text$$, '\1', 'g'),
                                $$\(\((ARRAY\[[^][]*\])\)::text\[\]\)$$, '(\1)', 'g')
            ELSE coalesce(f.definition, '') END::text AS definition,
       format('%s:%s:%s', f.class::oid, f.id, f.sub) AS identity, f.schema, coalesce(g.migration, '') AS goes
FROM fact AS f
LEFT JOIN gone AS g ON (g.class, g.id, g.sub) = (f.class, f.id, f.sub)
WHERE f.object IS NOT NULL -- an object that others dropped meanwhile has neither name nor definition
ORDER BY f.kind::text COLLATE "C", f.object::text COLLATE "C", f.definition::text COLLATE "C", f.class::oid, f.id, f.sub
