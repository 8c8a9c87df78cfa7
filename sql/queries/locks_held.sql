-- Locks that keep others from working, which the transaction on this connection holds on tables and views, and who waits
-- behind each just now.
SELECT l.relation::int8 AS id,
       CASE n.nspname WHEN 'public' THEN c.relname::text ELSE n.nspname || '.' || c.relname END AS "table",
       CASE l.mode WHEN 'ShareUpdateExclusiveLock' THEN 'SHARE UPDATE EXCLUSIVE'
                   WHEN 'ShareLock' THEN 'SHARE'
                   WHEN 'ShareRowExclusiveLock' THEN 'SHARE ROW EXCLUSIVE'
                   WHEN 'ExclusiveLock' THEN 'EXCLUSIVE'
                   ELSE 'ACCESS EXCLUSIVE' END AS mode,
       ARRAY(SELECT DISTINCT coalesce(nullif(a.application_name, ''), '(no name)') || ' (pid ' || w.pid || ')'
               FROM pg_locks AS w LEFT JOIN pg_stat_activity AS a USING (pid)
              WHERE w.relation = l.relation AND w.database = l.database AND NOT w.granted
              ORDER BY 1) AS waiting
  FROM pg_locks AS l
  JOIN pg_class AS c ON c.oid = l.relation AND c.relkind IN ('r', 'p', 'v', 'm')
  JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname IN ('public', 'rollback')
 WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted
   AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
 ORDER BY 2, 3
