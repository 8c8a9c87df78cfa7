-- The foreign keys that would let an orphan exist: not validated, not enforced, or with their triggers off. No row means
-- that PostgreSQL itself guarantees there is none. All of the user's schemas; a partitioned table's keys once.
-- Locks: ACCESS SHARE on catalogues only.
SELECT CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(r.relname) AS "table",
       c.conname::text AS "constraint",
       CASE WHEN NOT coalesce((to_jsonb(c) ->> 'conenforced')::bool, true) THEN 'declared NOT ENFORCED'
            WHEN NOT c.convalidated THEN 'not validated'
            ELSE 'not enforced: a trigger of it is off' END AS why
FROM pg_constraint AS c
JOIN pg_class AS r ON r.oid = c.conrelid
JOIN pg_namespace AS n ON n.oid = r.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
  AND (NOT c.convalidated
       OR EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = c.oid AND t.tgenabled NOT IN ('O', 'A')))
ORDER BY 1, 2
