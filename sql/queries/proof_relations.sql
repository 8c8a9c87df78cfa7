-- Everything of this database that holds values which pg_dump copies: tables, materialized views and sequences of all
-- schemas but PostgreSQL's own, the largest first. What belongs to an extension comes with the extension. Columns are
-- sorted by name: a table that inherits may get them back in another order. What a sequence has counted ahead
-- (log_cnt) is not dumped. A table that is partitioned by hash is compared as a whole: in which partition a row lies
-- depends on numbers that another database gives otherwise (those of an enum's labels).
WITH hashed (root) AS (
    -- The topmost table that is partitioned by hash, in each tree that has one.
    SELECT p.partrelid
      FROM pg_partitioned_table p
     WHERE p.partstrat = 'h'
       AND NOT EXISTS (SELECT FROM pg_partition_ancestors(p.partrelid) AS a (oid)
                         JOIN pg_partitioned_table q ON q.partrelid = a.oid AND q.partstrat = 'h'
                        WHERE a.oid <> p.partrelid)
)
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       CASE c.relkind WHEN 'p' THEN 'r' ELSE c.relkind::text END AS kind,
       c.relkind = 'p' AS whole,
       CASE c.relkind
           WHEN 'S' THEN ARRAY['is_called', 'last_value']
           ELSE ARRAY(SELECT a.attname::text
                        FROM pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                       ORDER BY a.attname)
       END AS columns
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE (c.relkind IN ('r', 'm', 'S') OR c.relkind = 'p' AND c.oid IN (SELECT root FROM hashed))
   AND NOT EXISTS (SELECT FROM hashed AS h, pg_partition_ancestors(c.oid) AS a (oid) WHERE a.oid = h.root AND c.oid <> h.root)
   AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_'
   AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT
                     FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY pg_relation_size(c.oid) DESC, 1, 2
