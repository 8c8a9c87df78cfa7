-- The runbook's archive tables that are there.
SELECT relname::text AS "table"
  FROM pg_class
 WHERE relnamespace = to_regnamespace('rollback') AND relkind = 'r' AND relname LIKE 'archived\_%'
 ORDER BY relname
