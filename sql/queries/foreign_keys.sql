-- The foreign keys between tables of schema public, in the order in which they were made; one row a key.
-- action is pg_constraint.confdeltype: a NO ACTION, r RESTRICT, c CASCADE, n SET NULL, d SET DEFAULT.
-- Locks: ACCESS SHARE on catalogues only.
SELECT c.conname::text AS name, child.relname::text AS child, parent.relname::text AS parent,
       (SELECT array_agg(a.attname::text ORDER BY k.nr)
        FROM unnest(c.conkey) WITH ORDINALITY AS k (num, nr)
        JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.num) AS columns,
       (SELECT array_agg(a.attname::text ORDER BY k.nr)
        FROM unnest(c.confkey) WITH ORDINALITY AS k (num, nr)
        JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.num) AS referred,
       c.confdeltype::text AS action
FROM pg_constraint AS c
JOIN pg_class AS child ON child.oid = c.conrelid
JOIN pg_class AS parent ON parent.oid = c.confrelid
WHERE c.contype = 'f' AND child.relkind = 'r' AND parent.relkind = 'r'
  AND child.relnamespace = 'public'::regnamespace AND parent.relnamespace = 'public'::regnamespace
ORDER BY c.oid
