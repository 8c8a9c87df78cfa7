-- Tables that inherit from those to which the scripts add a column or a NOT NULL; one row a table. Partitions are none.
-- Locks: ACCESS SHARE on catalogues only.
WITH RECURSIVE heir (top, rel) AS (
    SELECT v.top, i.inhrelid
    FROM (VALUES ('users'), ('conversations'), ('knowledge_bases'), ('digital_twins')) AS v (top)
    JOIN pg_inherits AS i ON i.inhparent = to_regclass('public.' || v.top)
    UNION
    SELECT h.top, i.inhrelid FROM heir AS h JOIN pg_inherits AS i ON i.inhparent = h.rel
)
SELECT h.top, CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(c.relname) AS heir
FROM heir AS h JOIN pg_class AS c ON c.oid = h.rel JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT c.relispartition
ORDER BY 1, 2
