-- Indexes that a broken CREATE INDEX CONCURRENTLY or REINDEX left invalid; one row an index.
-- All of the user's schemas. Locks: ACCESS SHARE on catalogues only.
SELECT CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(i.relname) AS index,
       CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(r.relname) AS "table"
FROM pg_index AS x
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_class AS r ON r.oid = x.indrelid
JOIN pg_namespace AS n ON n.oid = r.relnamespace
WHERE NOT x.indisvalid AND i.relkind = 'i'
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
ORDER BY 1
