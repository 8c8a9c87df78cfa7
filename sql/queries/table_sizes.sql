-- The five largest tables with their indexes, in bytes.
SELECT relname::text AS "table", pg_total_relation_size(oid) AS bytes
  FROM pg_class
 WHERE relkind = 'r' AND relnamespace = to_regnamespace('public')
 ORDER BY bytes DESC, relname
 LIMIT 5
