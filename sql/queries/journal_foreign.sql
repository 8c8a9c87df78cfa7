-- Everything in schema rollback that is not the runbook's, and on which its statements would act: one row each, with what
-- is wrong. Nothing of it may run with the rights of who runs the runbook, who is often a superuser. Rows are not judged here.
-- A relation that the runbook never touches is left alone. Columns that a later version added are not asked for.
-- Names are written out in full: a function of somebody's own must not stand in. Locks: ACCESS SHARE on catalogues only.
WITH space AS (
    SELECT n.oid, n.nspowner FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'rollback'
),
trusted AS ( -- who may own it: who runs this; a superuser; for an ordinary role also the database's owner, and its own roles
    SELECT r.oid
    FROM pg_catalog.pg_roles AS r
    WHERE r.rolname = current_user OR r.rolsuper
       OR (NOT (SELECT me.rolsuper FROM pg_catalog.pg_roles AS me WHERE me.rolname = current_user)
           AND (pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')
                OR r.oid = (SELECT d.datdba FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())))
),
known (tab, cols) AS (
    VALUES ('run', '{id,incident,target,request,plan,plan_hash,prefect_run,started,ended,outcome,state}'::text[]),
           ('step', '{id,run_id,name,started,ended,outcome,found}'),
           ('approval', '{id,run_id,came,decision,name,role,comment}'),
           ('notified', '{run_id,recipient,sent}'),
           ('approval_try', '{id,run_id,came,door,name,role,decision,plan,comment,lead_unreachable,accepted,why}')
),
relation AS (
    SELECT c.oid, c.relkind, c.relowner, c.relrowsecurity, k.tab, k.cols,
           'rollback.' || pg_catalog.quote_ident(c.relname::text) AS name
    FROM pg_catalog.pg_class AS c
    JOIN space AS s ON s.oid = c.relnamespace
    LEFT JOIN known AS k ON k.tab = c.relname::text
    WHERE k.tab IS NOT NULL OR (c.relname::text LIKE 'archived\_%' AND c.relkind NOT IN ('i', 'S'))
),
stranger (object, why) AS (
    SELECT 'Schema rollback', 'belongs to role ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(s.nspowner)::text)
                              || ', who is neither a superuser nor ' || current_user::text
    FROM space AS s WHERE s.nspowner NOT IN (SELECT oid FROM trusted)
    UNION ALL
    SELECT r.name, 'belongs to role ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r.relowner)::text)
                   || ', who is neither a superuser nor ' || current_user::text
    FROM relation AS r WHERE r.relowner NOT IN (SELECT oid FROM trusted)
    UNION ALL
    SELECT r.name, 'has the name of a table of the runbook''s journal, and is no table'
    FROM relation AS r WHERE r.relkind <> 'r'
    UNION ALL
    SELECT r.name, 'has the name of a table of the runbook''s journal, and is none: it has no ' || lacks.cols
    FROM relation AS r
    CROSS JOIN LATERAL (SELECT pg_catalog.string_agg(col, ', ' ORDER BY col) AS cols
                        FROM pg_catalog.unnest(r.cols) AS col
                        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                                          WHERE a.attrelid = r.oid AND a.attname = col AND NOT a.attisdropped)) AS lacks
    WHERE r.tab IS NOT NULL AND r.relkind = 'r' AND lacks.cols IS NOT NULL
    UNION ALL
    SELECT 'View rollback.' || pg_catalog.quote_ident(c.relname::text), 'is not the runbook''s'
    FROM pg_catalog.pg_class AS c JOIN space AS s ON s.oid = c.relnamespace WHERE c.relkind IN ('v', 'm', 'f')
    UNION ALL
    SELECT 'Function ' || p.oid::pg_catalog.regprocedure::text, 'is not the runbook''s'
    FROM pg_catalog.pg_proc AS p JOIN space AS s ON s.oid = p.pronamespace
    UNION ALL
    SELECT 'Operator ' || o.oid::pg_catalog.regoperator::text, 'is not the runbook''s'
    FROM pg_catalog.pg_operator AS o JOIN space AS s ON s.oid = o.oprnamespace
    UNION ALL
    SELECT 'Trigger ' || pg_catalog.quote_ident(t.tgname::text) || ' on ' || r.name, 'is not the runbook''s'
    FROM relation AS r JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'Rule ' || pg_catalog.quote_ident(w.rulename::text) || ' on ' || r.name, 'is not the runbook''s'
    FROM relation AS r JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = r.oid WHERE r.relkind = 'r'
    UNION ALL
    SELECT 'Policy ' || pg_catalog.quote_ident(p.polname::text) || ' on ' || r.name, 'is not the runbook''s'
    FROM relation AS r JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.oid
    UNION ALL
    SELECT r.name, 'has row-level security, which could hide rows' FROM relation AS r WHERE r.relrowsecurity
    UNION ALL
    SELECT r.name, 'inherits from another table, or another one from it'
    FROM relation AS r
    WHERE EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = r.oid OR i.inhparent = r.oid)
    UNION ALL
    SELECT 'Column ' || r.name || '.' || pg_catalog.quote_ident(a.attname::text),
           'has a type of somebody''s own: ' || a.atttypid::pg_catalog.regtype::text
    FROM relation AS r
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    WHERE r.relkind = 'r' AND t.typnamespace <> 'pg_catalog'::pg_catalog.regnamespace
    UNION ALL
    SELECT 'Column ' || r.name || '.' || pg_catalog.quote_ident(a.attname::text),
           'has a default or an expression that is not the runbook''s: ' || expression.text
    FROM relation AS r
    JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = r.oid
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum = d.adnum
    CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS text) AS expression
    WHERE a.attgenerated <> ''
       OR expression.text !~ '^(''[^'']*''::(text|jsonb)|0|(clock_timestamp|transaction_timestamp|now)\(\))$'
    UNION ALL
    SELECT 'Constraint ' || pg_catalog.quote_ident(k.conname::text) || ' on ' || r.name,
           'is not the runbook''s: ' || pg_catalog.pg_get_constraintdef(k.oid)
    FROM relation AS r
    JOIN pg_catalog.pg_constraint AS k ON k.conrelid = r.oid
    WHERE k.contype = 'x'
       OR (k.contype = 'c' AND pg_catalog.pg_get_constraintdef(k.oid)
           !~ '^CHECK \(\(\w+ = ANY \(ARRAY\[''[a-z ]+''::text(, ''[a-z ]+''::text)*\]\)\)\)$')
    UNION ALL
    SELECT 'Index ' || i.indexrelid::pg_catalog.regclass::text, 'has an expression, or a condition'
    FROM relation AS r JOIN pg_catalog.pg_index AS i ON i.indrelid = r.oid
    WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
)
SELECT object, why FROM stranger ORDER BY object, why
