-- Who holds locks on tables of schema public: named when the runbook did not get a lock of its own.
SELECT a.pid,
       CASE WHEN a.backend_type = 'autovacuum worker' THEN 'autovacuum'
            ELSE coalesce(nullif(a.application_name, ''), '(no name)') END AS application,
       coalesce(extract(epoch FROM clock_timestamp() - a.query_start), 0)::float8 AS query_seconds,
       string_agg(DISTINCT c.relname, ', ' ORDER BY c.relname) AS tables
  FROM pg_locks l
  JOIN pg_stat_activity a USING (pid)
  JOIN pg_class c ON c.oid = l.relation AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
 WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.granted
   AND l.pid <> ALL (%(own)s::int[])
 GROUP BY 1, 2, 3
 ORDER BY query_seconds DESC
