-- What psql's \dt lists: the tables that this session sees without naming a schema.
SELECT c.relname::text AS "Name"
  FROM pg_catalog.pg_class c
 WHERE c.relkind IN ('r', 'p')
   AND pg_catalog.pg_table_is_visible(c.oid)
   AND c.relnamespace <> 'pg_catalog'::regnamespace
   AND c.relnamespace <> 'information_schema'::regnamespace
 ORDER BY 1;
