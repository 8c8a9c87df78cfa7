-- The CHECK constraints of all stored tables of the user's schemas, and those of domains where a column has such a type;
-- one row a constraint and table. columns: those that it reads (of a domain: the column of that type).
-- NOT ENFORCED ones (PostgreSQL 18) are left out: nothing is refused by them. Locks: ACCESS SHARE on catalogues only.
SELECT c.conrelid::int8 AS relation, c.conname::text AS name, 'constraint' AS kind, c.convalidated AS valid,
       pg_get_expr(c.conbin, c.conrelid) AS expression,
       ARRAY(SELECT a.attname::text FROM pg_attribute AS a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))
           AS columns
FROM pg_constraint AS c
JOIN pg_class AS r ON r.oid = c.conrelid AND r.relkind = 'r'
JOIN pg_namespace AS n ON n.oid = r.relnamespace
WHERE c.contype = 'c' AND coalesce((to_jsonb(c) ->> 'conenforced')::bool, true)
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
UNION ALL
SELECT a.attrelid::int8, c.conname::text, format('domain check of %s', format_type(c.contypid, NULL)), c.convalidated,
       pg_get_expr(c.conbin, 0), ARRAY[a.attname::text]
FROM pg_constraint AS c
JOIN pg_attribute AS a ON a.atttypid = c.contypid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_class AS r ON r.oid = a.attrelid AND r.relkind = 'r'
JOIN pg_namespace AS n ON n.oid = r.relnamespace
WHERE c.contype = 'c' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
ORDER BY 1, 2
