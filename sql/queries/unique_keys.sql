-- The unique indexes and exclusion constraints of all stored tables of the user's schemas; one row each.
-- keys: their columns and expressions; plain: whether two rows collide exactly where all keys are equal.
-- Locks: ACCESS SHARE on catalogues only.
SELECT x.indrelid::int8 AS relation, i.relname::text AS name,
       ARRAY(SELECT pg_get_indexdef(x.indexrelid, k, true) FROM generate_series(1, x.indnkeyatts) AS k) AS keys,
       pg_get_expr(x.indpred, x.indrelid) AS predicate,
       coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::bool, false) AS nulls_collide,
       c.conexclop IS NULL OR NOT EXISTS (SELECT FROM unnest(c.conexclop) AS o (op) JOIN pg_operator AS p ON p.oid = o.op
                                          WHERE p.oprname <> '=') AS plain,
       ARRAY(SELECT DISTINCT a.attname::text
             FROM pg_depend AS d JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
             WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = x.indrelid
               AND (d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
                    OR d.classid = 'pg_constraint'::regclass AND d.objid = c.oid)) AS columns
FROM pg_index AS x
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_class AS r ON r.oid = x.indrelid AND r.relkind = 'r'
JOIN pg_namespace AS n ON n.oid = r.relnamespace
LEFT JOIN pg_constraint AS c ON c.conindid = x.indexrelid AND c.contype IN ('x', 'u', 'p')
WHERE (x.indisunique OR x.indisexclusion) AND x.indisready
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
ORDER BY 1, 2
