-- What this role may not write in the user's own schemas; one row a table and kind of statement.
-- Locks: ACCESS SHARE on catalogues only.
SELECT c.oid::int8 AS relation, v.kind
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE')) AS v (kind)
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
  AND NOT has_table_privilege(c.oid, v.kind)
ORDER BY 1, 2
