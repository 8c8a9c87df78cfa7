-- Everything of this database that holds values which pg_dump copies: tables, materialized views and sequences of all
-- schemas but PostgreSQL's own, the largest first. What belongs to an extension comes with the extension. Columns are
-- sorted by name: a table that inherits may get them back in another order. What a sequence has counted ahead
-- (log_cnt) is not dumped.
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       c.relkind::text AS kind,
       CASE c.relkind
           WHEN 'S' THEN ARRAY['is_called', 'last_value']
           ELSE ARRAY(SELECT a.attname::text
                        FROM pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                       ORDER BY a.attname)
       END AS columns
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'S')
   AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_'
   AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT
                     FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY pg_relation_size(c.oid) DESC, 1, 2
