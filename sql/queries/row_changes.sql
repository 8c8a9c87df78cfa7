-- What this transaction did to rows so far, table by table, from the server's own counters: exact, and free of any scan.
SELECT relname::text AS "table",
       n_tup_ins::int8 AS inserted,
       n_tup_upd::int8 AS updated,
       n_tup_del::int8 AS deleted
  FROM pg_stat_xact_user_tables
 WHERE schemaname = 'public' AND n_tup_ins + n_tup_upd + n_tup_del > 0
 ORDER BY relname
