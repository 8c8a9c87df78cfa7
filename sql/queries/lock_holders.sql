-- Who holds locks on the user's tables: named when the runbook did not get a lock of its own. Where it only wanted to
-- read, those who hold one exclusively.
SELECT a.pid,
       CASE WHEN a.backend_type = 'autovacuum worker' THEN 'autovacuum'
            ELSE coalesce(nullif(a.application_name, ''), '(no name)') END AS application,
       coalesce(extract(epoch FROM clock_timestamp() - a.query_start), 0)::float8 AS query_seconds,
       string_agg(DISTINCT name.of, ', ' ORDER BY name.of) AS tables
  FROM pg_locks l
  JOIN pg_stat_activity a USING (pid)
  JOIN pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p', 'm')
  JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  CROSS JOIN LATERAL (SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS of) AS name
 WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.granted
   AND (l.mode = 'AccessExclusiveLock' OR NOT %(reading)s)
   AND l.pid <> ALL (%(own)s::int[])
 GROUP BY 1, 2, 3
 ORDER BY query_seconds DESC
