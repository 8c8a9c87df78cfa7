-- Every object of a database but the system's own: one row a fact. It shares nothing with what the runbook reads.
--
-- class, id, sub, of: by which a fact is found again after its object was renamed. kind, name, definition: what it says.
-- Run it with search_path = pg_catalog, so that each name is written with its schema.
-- Left out: members of extensions, what only counts (sequences' values, statistics), comments of the system's objects.
WITH space AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
),
member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
rel AS (
    SELECT c.*, format('%I.%I', s.nspname, c.relname) AS name
    FROM pg_class AS c JOIN space AS s ON s.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM member WHERE classid = 'pg_class'::regclass AND objid = c.oid)
),
routine AS (
    SELECT p.*, format('%I.%I(%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name
    FROM pg_proc AS p JOIN space AS s ON s.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM member WHERE classid = 'pg_proc'::regclass AND objid = p.oid)
),
typ AS (
    SELECT t.*, format('%I.%I', s.nspname, t.typname) AS name
    FROM pg_type AS t JOIN space AS s ON s.oid = t.typnamespace
    WHERE NOT EXISTS (SELECT FROM member WHERE classid = 'pg_type'::regclass AND objid = t.oid)
      AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = t.oid)
),
acl (class, id, sub, name, owner, items) AS (
    SELECT 'pg_class'::regclass, oid, 0, name, relowner, relacl FROM rel
    UNION ALL
    SELECT 'pg_class', r.oid, a.attnum, format('%s.%I', r.name, a.attname), r.relowner, a.attacl
    FROM rel AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND NOT a.attisdropped
    UNION ALL
    SELECT 'pg_proc', oid, 0, name, proowner, proacl FROM routine
    UNION ALL
    SELECT 'pg_type', oid, 0, name, typowner, typacl FROM typ WHERE typrelid = 0
    UNION ALL
    SELECT 'pg_namespace', oid, 0, nspname, nspowner, nspacl FROM pg_namespace WHERE oid IN (SELECT oid FROM space)
    UNION ALL
    SELECT 'pg_database', oid, 0, 'database', datdba, datacl FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'pg_default_acl', oid, 0, format('default for %s in %s', defaclobjtype, defaclnamespace::regnamespace),
           defaclrole, defaclacl FROM pg_default_acl
),
fact (class, id, sub, of, kind, name, definition) AS (
    SELECT 'pg_namespace'::regclass, oid, 0, '', 'schema', nspname::text, nspowner::regrole::text
    FROM pg_namespace WHERE oid IN (SELECT oid FROM space)
    UNION ALL
    SELECT 'pg_class', oid, 0, '', CASE relkind WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'S' THEN 'sequence'
               WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END, name,
           concat_ws(' ', relkind, relpersistence, relowner::regrole, array_to_string(reloptions, ','), relreplident,
                     CASE WHEN relrowsecurity THEN 'rls' END, CASE WHEN relforcerowsecurity THEN 'forced' END,
                     (SELECT spcname FROM pg_tablespace WHERE oid = reltablespace),
                     (SELECT amname FROM pg_am WHERE oid = relam), pg_get_expr(relpartbound, oid),
                     CASE WHEN relkind = 'p' THEN pg_get_partkeydef(oid) END,
                     (SELECT string_agg(inhparent::regclass::text, ',' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = rel.oid),
                     (SELECT concat_ws(' ', pg_get_indexdef(oid), CASE WHEN NOT indisvalid THEN 'invalid' END,
                                       CASE WHEN indisclustered THEN 'clustered' END,
                                       CASE WHEN indisreplident THEN 'identity' END)
                      FROM pg_index WHERE indexrelid = rel.oid),
                     (SELECT concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcycle)
                      FROM pg_sequence WHERE seqrelid = rel.oid),
                     (SELECT concat_ws(' ', srvname, ftoptions) FROM pg_foreign_table JOIN pg_foreign_server AS s ON s.oid = ftserver
                      WHERE ftrelid = rel.oid),
                     -- What a view shows is compared itself; its text says the same thing in other words.
                     CASE WHEN relkind = 'm' THEN pg_get_viewdef(oid) END)
    FROM rel WHERE relkind <> 'c'
    UNION ALL
    SELECT 'pg_class', r.oid, a.attnum, '', 'column', format('%s.%I', r.name, a.attname),
           concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                     'DEFAULT ' || pg_get_expr(e.adbin, e.adrelid), nullif(a.attidentity, ''), nullif(a.attgenerated, ''),
                     'storage ' || a.attstorage::text, nullif(a.attcompression, ''), a.attoptions, a.attfdwoptions,
                     (SELECT collname FROM pg_collation WHERE oid = a.attcollation),
                     CASE WHEN NOT a.attislocal THEN 'inherited' END,
                     CASE WHEN a.attstattarget >= 0 THEN 'target ' || a.attstattarget END)
    FROM rel AS r
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
    UNION ALL
    SELECT 'pg_constraint', c.oid, 0, '', 'constraint', format('%s.%I', coalesce(r.name, t.name), c.conname),
           concat_ws(' ', pg_get_constraintdef(c.oid), CASE WHEN NOT c.convalidated THEN 'not valid' END,
                     (SELECT 'triggers ' || string_agg(DISTINCT g.tgenabled::text, '') FROM pg_trigger AS g
                      WHERE g.tgconstraint = c.oid AND g.tgenabled <> 'O'))
    FROM pg_constraint AS c LEFT JOIN rel AS r ON r.oid = c.conrelid LEFT JOIN typ AS t ON t.oid = c.contypid
    WHERE coalesce(r.oid, t.oid) IS NOT NULL
    UNION ALL
    SELECT 'pg_trigger', t.oid, 0, '', 'trigger', format('%s.%I', r.name, t.tgname), concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
    FROM pg_trigger AS t JOIN rel AS r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'pg_rewrite', w.oid, 0, '', 'rule', format('%s.%I', r.name, w.rulename), concat_ws(' ', pg_get_ruledef(w.oid), w.ev_enabled)
    FROM pg_rewrite AS w JOIN rel AS r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT 'pg_policy', p.oid, 0, '', 'policy', format('%s.%I', r.name, p.polname),
           concat_ws(' ', p.polcmd, p.polpermissive, p.polroles::text, pg_get_expr(p.polqual, p.polrelid),
                     'CHECK', pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy AS p JOIN rel AS r ON r.oid = p.polrelid
    UNION ALL
    SELECT 'pg_proc', oid, 0, '', 'routine', name,
           CASE prokind WHEN 'a' THEN (SELECT concat_ws(' ', aggtransfn, aggtranstype::regtype, agginitval)
                                       FROM pg_aggregate WHERE aggfnoid = routine.oid)
                ELSE pg_get_functiondef(oid) END || ' ' || proowner::regrole
    FROM routine
    UNION ALL
    SELECT 'pg_type', oid, 0, '', 'type', name,
           concat_ws(' ', typtype, typowner::regrole, (SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum
                                      WHERE enumtypid = typ.oid),
                     CASE WHEN typtype = 'd' THEN format_type(typbasetype, typtypmod) END, CASE WHEN typnotnull THEN 'NOT NULL' END, typdefault,
                     (SELECT rngsubtype::regtype FROM pg_range WHERE rngtypid = typ.oid))
    FROM typ WHERE typrelid = 0 OR EXISTS (SELECT FROM pg_class WHERE oid = typrelid AND relkind = 'c')
    UNION ALL
    SELECT 'pg_statistic_ext', x.oid, 0, '', 'statistics', format('%I.%I', s.nspname, x.stxname), pg_get_statisticsobjdef(x.oid)
    FROM pg_statistic_ext AS x JOIN space AS s ON s.oid = x.stxnamespace
    UNION ALL
    SELECT d.classoid, d.objoid, d.objsubid, 'comment', 'comment', i.type || ' ' || i.identity, d.description
    FROM pg_description AS d, LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS i
    WHERE d.objoid >= 16384 AND NOT EXISTS (SELECT FROM member WHERE classid = d.classoid AND objid = d.objoid)
    UNION ALL
    SELECT classoid, objoid, 0, 'comment', 'comment', 'database', description FROM pg_shdescription
    WHERE classoid = 'pg_database'::regclass AND objoid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL
    SELECT a.class, a.id, a.sub, e.grantee || e.privilege_type, 'grant',
           format('%s on %s to %s', e.privilege_type, a.name, CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(e.grantee) END),
           concat_ws(' ', CASE WHEN e.is_grantable THEN 'grantable' END)
    FROM acl AS a, LATERAL aclexplode(a.items) AS e WHERE e.grantee <> a.owner
    UNION ALL
    SELECT 'pg_event_trigger', oid, 0, '', 'event trigger', evtname::text,
           concat_ws(' ', evtevent, evttags::text, evtfoid::regprocedure, evtenabled) FROM pg_event_trigger
    UNION ALL
    SELECT 'pg_publication', oid, 0, '', 'publication', pubname::text,
           concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot) FROM pg_publication
    UNION ALL
    SELECT 'pg_publication', p.oid, 0, t.schemaname || t.attnames::text, 'published', format('%s: %I.%I', p.pubname, t.schemaname, t.tablename),
           concat_ws(' ', t.attnames::text, t.rowfilter)
    FROM pg_publication AS p JOIN pg_publication_tables AS t ON t.pubname = p.pubname WHERE t.schemaname <> 'rollback'
    UNION ALL
    SELECT 'pg_subscription', oid, 0, '', 'subscription', subname::text, concat_ws(' ', subenabled, subslotname, subpublications::text)
    FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL
    SELECT 'pg_foreign_server', oid, 0, '', 'server', srvname::text, srvoptions::text FROM pg_foreign_server
    UNION ALL
    SELECT 'pg_extension', oid, 0, '', 'extension', extname::text, concat_ws(' ', extversion, extnamespace::regnamespace) FROM pg_extension
    UNION ALL
    SELECT 'pg_db_role_setting', setrole, 0, '', 'settings', 'of ' || CASE setrole WHEN 0 THEN 'database' ELSE setrole::regrole::text END,
           setconfig::text
    FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL
    SELECT 'pg_database', oid, 0, '', 'database', 'database',
           concat_ws(' ', datdba::regrole, datconnlimit, datallowconn, datistemplate, encoding, datcollate)
    FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'pg_largeobject_metadata', m.oid, 0, '', 'large object', m.oid::text, concat_ws(' ', m.lomowner::regrole, md5(lo_get(m.oid)))
    FROM pg_largeobject_metadata AS m
    UNION ALL
    SELECT 'pg_cast', c.oid, 0, '', 'cast', format('%s as %s', c.castsource::regtype, c.casttarget::regtype),
           concat_ws(' ', c.castfunc::regprocedure, c.castcontext)
    FROM pg_cast AS c WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_cast'::regclass AND objid = c.oid)
    UNION ALL
    SELECT 'pg_operator', o.oid, 0, '', 'operator', o.oid::regoperator::text, o.oprcode::text
    FROM pg_operator AS o JOIN space AS s ON s.oid = o.oprnamespace
    WHERE NOT EXISTS (SELECT FROM member WHERE classid = 'pg_operator'::regclass AND objid = o.oid)
    UNION ALL
    SELECT 'pg_collation', c.oid, 0, '', 'collation', format('%I.%I', s.nspname, c.collname), c.collprovider::text
    FROM pg_collation AS c JOIN space AS s ON s.oid = c.collnamespace
    UNION ALL
    SELECT 'pg_ts_config', c.oid, 0, '', 'text search', format('%I.%I', s.nspname, c.cfgname), c.cfgparser::text
    FROM pg_ts_config AS c JOIN space AS s ON s.oid = c.cfgnamespace
)
SELECT class::oid::int8 AS class, id::int8 AS id, sub::int4 AS sub, of::text AS of, kind::text AS kind, name::text AS name,
       coalesce(definition, '')::text AS definition
FROM fact
