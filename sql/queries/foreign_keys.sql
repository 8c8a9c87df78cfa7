-- The foreign keys between tables of the user's own schemas; one row a key, a partitioned table's keys once.
-- action is pg_constraint.confdeltype: a NO ACTION, r RESTRICT, c CASCADE, n SET NULL, d SET DEFAULT; works is false where
-- PostgreSQL would not carry it out (NOT ENFORCED, or its trigger is off). In the order in which PostgreSQL fires
-- the keys of one row: by the names of their triggers.
-- changed, with defaults, required and domain beside it: the columns that SET NULL or SET DEFAULT writes.
-- Locks: ACCESS SHARE on catalogues only.
SELECT c.oid::int8 AS oid, c.conname::text AS name, c.conrelid::int8 AS child, c.confrelid::int8 AS parent,
       (SELECT array_agg(a.attname::text ORDER BY k.nr)
        FROM unnest(c.conkey) WITH ORDINALITY AS k (num, nr)
        JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.num) AS columns,
       (SELECT array_agg(a.attname::text ORDER BY k.nr)
        FROM unnest(c.confkey) WITH ORDINALITY AS k (num, nr)
        JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.num) AS referred,
       c.confdeltype::text AS action, c.confmatchtype = 'f' AS match_full, t.tgname IS NOT NULL AS works,
       s.changed, s.defaults, s.required, s.domains
FROM pg_constraint AS c
JOIN pg_class AS child ON child.oid = c.conrelid
JOIN pg_namespace AS cn ON cn.oid = child.relnamespace
JOIN pg_class AS parent ON parent.oid = c.confrelid
JOIN pg_namespace AS pn ON pn.oid = parent.relnamespace
LEFT JOIN pg_trigger AS t ON t.tgconstraint = c.oid AND t.tgrelid = c.confrelid AND t.tgtype & 8 = 8
                         AND t.tgenabled IN ('O', 'A')
CROSS JOIN LATERAL (
    SELECT array_agg(a.attname::text ORDER BY k.nr) AS changed,
           array_agg(coalesce(pg_get_expr(e.adbin, e.adrelid), 'NULL') ORDER BY k.nr) AS defaults,
           array_agg(a.attnotnull ORDER BY k.nr) AS required,
           array_agg(y.typtype = 'd' ORDER BY k.nr) AS domains
    -- Columns of their own (SET NULL (column)) are known since PostgreSQL 15.
    FROM unnest(CASE WHEN jsonb_typeof(to_jsonb(c) -> 'confdelsetcols') = 'array'
                     THEN (SELECT array_agg(v::int2) FROM jsonb_array_elements_text(to_jsonb(c) -> 'confdelsetcols') AS v)
                     ELSE c.conkey END) WITH ORDINALITY AS k (num, nr)
    JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.num
    JOIN pg_type AS y ON y.oid = a.atttypid
    LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
) AS s
WHERE c.contype = 'f' AND c.conparentid = 0
  AND cn.nspname !~ '^pg_' AND cn.nspname NOT IN ('information_schema', 'rollback')
  AND pn.nspname !~ '^pg_' AND pn.nspname NOT IN ('information_schema', 'rollback')
ORDER BY t.tgname COLLATE "C", c.oid
