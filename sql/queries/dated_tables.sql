-- Tables that say when each row was written, and those that do not.
SELECT c.relname::text AS "table",
       EXISTS (SELECT FROM pg_attribute AS a
                WHERE a.attrelid = c.oid AND a.attname = 'created_at' AND NOT a.attisdropped
                  AND a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype)) AS dated
  FROM pg_class AS c
 WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace('public')
 ORDER BY c.relname
