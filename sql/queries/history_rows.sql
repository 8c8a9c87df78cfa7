-- How many rows the tables of the application hold, as PostgreSQL counted them when it last analysed them.
SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::int8 AS rows
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname = 'public'
