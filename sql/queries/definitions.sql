-- The text of everything that a team can put beside the tables, as PostgreSQL's catalogue spells it; one row an object.
-- object is named as people name it, in its own schema; plain: the text of a function's body, where PostgreSQL itself
-- follows nothing. What extensions brought is left out. Locks: ACCESS SHARE on catalogues only.
WITH spaces AS (
    SELECT oid, CASE nspname WHEN 'public' THEN '' ELSE quote_ident(nspname) || '.' END AS prefix
    FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'rollback')
),
tables AS (
    SELECT c.oid, c.relkind, s.prefix || quote_ident(c.relname) AS name FROM pg_class AS c JOIN spaces AS s ON s.oid = c.relnamespace
),
object (class, id, object, definition, plain) AS (
    SELECT 'pg_class'::regclass, t.oid, CASE t.relkind WHEN 'v' THEN 'view ' ELSE 'materialized view ' END || t.name,
           pg_get_viewdef(t.oid), false
    FROM tables AS t WHERE t.relkind IN ('v', 'm')
    UNION ALL
    SELECT 'pg_rewrite'::regclass, r.oid, format('rule %I on %s', r.rulename, t.name), pg_get_ruledef(r.oid), false
    FROM pg_rewrite AS r JOIN tables AS t ON t.oid = r.ev_class WHERE r.rulename <> '_RETURN'
    UNION ALL
    SELECT 'pg_policy'::regclass, p.oid, format('policy %I on %s', p.polname, t.name),
           concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), false
    FROM pg_policy AS p JOIN tables AS t ON t.oid = p.polrelid
    UNION ALL
    SELECT 'pg_constraint'::regclass, c.oid, format('check %I on %s', c.conname, t.name), pg_get_constraintdef(c.oid), false
    FROM pg_constraint AS c JOIN tables AS t ON t.oid = c.conrelid WHERE c.contype = 'c' AND c.conislocal
    UNION ALL
    SELECT 'pg_constraint'::regclass, c.oid, format('check %I of domain %s%I', c.conname, s.prefix, y.typname),
           pg_get_constraintdef(c.oid), false
    FROM pg_constraint AS c JOIN pg_type AS y ON y.oid = c.contypid JOIN spaces AS s ON s.oid = y.typnamespace
    WHERE c.contype = 'c'
    UNION ALL
    SELECT 'pg_trigger'::regclass, g.oid, format('trigger %I on %s', g.tgname, t.name), pg_get_triggerdef(g.oid), false
    FROM pg_trigger AS g JOIN tables AS t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal
    UNION ALL
    SELECT 'pg_attrdef'::regclass, d.oid,
           format('%s %s.%I', CASE a.attgenerated WHEN '' THEN 'default of' ELSE 'generated column' END, t.name, a.attname),
           pg_get_expr(d.adbin, d.adrelid), false
    FROM pg_attrdef AS d JOIN tables AS t ON t.oid = d.adrelid
    JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    UNION ALL
    SELECT 'pg_class'::regclass, x.indexrelid, format('index %s%I', s.prefix, i.relname),
           concat_ws(' ', pg_get_expr(x.indexprs, x.indrelid), pg_get_expr(x.indpred, x.indrelid)), false
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN spaces AS s ON s.oid = i.relnamespace
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid,
           format('%s %s%I(%s)', CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, s.prefix, p.proname,
                  pg_get_function_identity_arguments(p.oid)),
           CASE WHEN p.prosqlbody IS NULL THEN p.prosrc ELSE pg_get_function_sqlbody(p.oid) END, p.prosqlbody IS NULL
    FROM pg_proc AS p JOIN spaces AS s ON s.oid = p.pronamespace JOIN pg_language AS l ON l.oid = p.prolang
    WHERE p.prokind <> 'a' AND l.lanname NOT IN ('internal', 'c')
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, format('a default of function %s%I(%s)', s.prefix, p.proname,
                                              pg_get_function_identity_arguments(p.oid)),
           pg_get_expr(p.proargdefaults, 0), false
    FROM pg_proc AS p JOIN spaces AS s ON s.oid = p.pronamespace
    WHERE p.proargdefaults IS NOT NULL
)
SELECT o.object, o.definition, o.plain
FROM object AS o
WHERE o.definition <> ''
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = o.class AND d.objid = o.id AND d.deptype = 'e')
ORDER BY o.object
