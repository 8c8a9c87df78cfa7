-- The foreign keys of schema public that would let an orphan exist: not validated, or with their triggers off.
-- No row means that PostgreSQL itself guarantees there is none. Locks: ACCESS SHARE on catalogues only.
SELECT c.conrelid::regclass::text AS "table", c.conname AS "constraint",
       CASE WHEN c.convalidated THEN 'not enforced: a trigger of it is off' ELSE 'not validated' END AS why
FROM pg_constraint AS c
WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
  AND (NOT c.convalidated
       OR EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = c.oid AND t.tgenabled NOT IN ('O', 'A')))
ORDER BY 1, 2
