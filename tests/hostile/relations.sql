-- Tables, views and materialized views; a partition is within the table that it is a part of. Name, kind, columns of the
-- primary key, columns in which labels of user_role stand.
SELECT format('%I.%I', n.nspname, c.relname), c.relkind::text,
       (SELECT array_agg(a.attname::text ORDER BY k.nr) FROM pg_index AS i, unnest(i.indkey) WITH ORDINALITY AS k (num, nr)
        JOIN pg_attribute AS a ON a.attnum = k.num
        WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid),
       (SELECT array_agg(a.attname::text) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0
        AND NOT a.attisdropped AND a.atttypid = ANY (t.typs))
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace,
(WITH RECURSIVE uses (typ) AS (
     SELECT oid FROM pg_type WHERE oid = to_regtype('public.user_role')
     UNION
     SELECT t.oid FROM uses AS u
     JOIN pg_type AS t ON t.typelem = u.typ OR t.typbasetype = u.typ
         OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.atttypid = u.typ AND NOT a.attisdropped)
         OR EXISTS (SELECT FROM pg_range AS r WHERE r.rngtypid = t.oid AND r.rngsubtype = u.typ))
 SELECT array_agg(typ) AS typs FROM uses) AS t
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
ORDER BY 1
