-- What PostgreSQL keeps computed from a label of an enum through a function of the user's: indexes, stored generated columns.
-- One row an object and type. All of the user's schemas. Locks: ACCESS SHARE on catalogues only.
WITH made (class, id, object, remedy, relation) AS (
    SELECT 'pg_class'::regclass, x.indexrelid, format('index %s%I', s.prefix, i.relname),
           format('REINDEX INDEX %s%I.', s.prefix, i.relname), x.indrelid
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
    JOIN (SELECT oid, CASE nspname WHEN 'public' THEN '' ELSE quote_ident(nspname) || '.' END AS prefix
          FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'rollback')) AS s
      ON s.oid = i.relnamespace
    WHERE x.indexprs IS NOT NULL OR x.indpred IS NOT NULL
    UNION ALL
    SELECT 'pg_attrdef'::regclass, d.oid,
           format('generated column %s%I.%I', CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END,
                  r.relname, a.attname),
           'update these rows, so that it is computed anew.', d.adrelid
    FROM pg_attrdef AS d
    JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated = 's'
    JOIN pg_class AS r ON r.oid = d.adrelid
    JOIN pg_namespace AS n ON n.oid = r.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
)
SELECT DISTINCT m.object, m.remedy, t.typname::text AS type
FROM made AS m
JOIN pg_depend AS f ON f.classid = m.class AND f.objid = m.id AND f.refclassid = 'pg_proc'::regclass
JOIN pg_attribute AS a ON a.attrelid = m.relation AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid AND t.typtype = 'e' AND t.typnamespace = 'public'::regnamespace
JOIN pg_depend AS c ON c.classid = m.class AND c.objid = m.id AND c.refclassid = 'pg_class'::regclass
                   AND c.refobjid = a.attrelid AND c.refobjsubid = a.attnum
ORDER BY 1, 3
