-- What this transaction did to rows so far, table by table, from the server's own counters: exact, and free of any scan.
-- All of the user's schemas; public's tables by their bare names, others with their schema; a partition's rows count for
-- the table that it is a part of.
SELECT CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(r.relname) AS "table",
       sum(s.n_tup_ins)::int8 AS inserted,
       sum(s.n_tup_upd)::int8 AS updated,
       sum(s.n_tup_del)::int8 AS deleted
  FROM pg_stat_xact_user_tables AS s
  JOIN pg_class AS r ON r.oid = coalesce(pg_partition_root(s.relid), s.relid)
  JOIN pg_namespace AS n ON n.oid = r.relnamespace
 WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'rollback' AND s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0
 GROUP BY 1
 ORDER BY 1
