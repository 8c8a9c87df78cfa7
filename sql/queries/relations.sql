-- Every table of the user's own schemas (partitions, inheritance children, foreign tables too); one row a table.
-- name is what people call it: bare in schema public, else with its schema; a partition has the name of the table that
-- it is a part of, since rows are counted there. above: the partitioned tables that it belongs to, itself included.
-- below: what an UPDATE or DELETE of it reaches too (partitions and inheritance children), itself included.
-- Locks: ACCESS SHARE on catalogues only.
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS relation, c.relkind::text AS kind,
       CASE t.nspname WHEN 'public' THEN '' ELSE quote_ident(t.nspname) || '.' END || quote_ident(r.relname) AS name,
       coalesce((SELECT array_agg(a.relid::oid::int8) FROM pg_partition_ancestors(c.oid) AS a (relid)), ARRAY[c.oid::int8])
           AS above,
       (WITH RECURSIVE child (oid) AS (
            SELECT c.oid UNION SELECT i.inhrelid FROM child JOIN pg_inherits AS i ON i.inhparent = child.oid)
        SELECT array_agg(child.oid::int8) FROM child) AS below
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_class AS r ON r.oid = coalesce(pg_partition_root(c.oid), c.oid)
JOIN pg_namespace AS t ON t.oid = r.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
ORDER BY c.oid
