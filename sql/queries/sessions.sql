-- Who else is connected to this database: not the runbook's own connections, which are given by pid.
SELECT pid,
       coalesce(nullif(application_name, ''), '(no name)') AS application,
       coalesce(usename, '')::text                         AS "user",
       CASE WHEN backend_type IS NULL THEN 'hidden' ELSE coalesce(host(client_addr), 'local') END AS address,
       coalesce(state, '')                                 AS state,
       coalesce(extract(epoch FROM clock_timestamp() - query_start), 0)::float8 AS query_seconds
  FROM pg_stat_activity
 WHERE datname = current_database()
   -- A role that may not look at another's sessions is told neither their type nor their address.
   AND coalesce(backend_type, 'client backend') = 'client backend'
   AND usesysid IS NOT NULL
   AND pid <> ALL (%(own)s::int[])
 ORDER BY application, pid
