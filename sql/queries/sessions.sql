-- Who else is connected to this database: not the runbook's own connections, which are given by pid. Clients, but also
-- who reads a logical slot and the background workers of subscriptions and extensions: each of them counts when the
-- database is to be copied. Autovacuum is PostgreSQL's own business, and a parallel worker goes with its leader.
SELECT pid,
       coalesce(nullif(application_name, ''), '(no name)') AS application,
       coalesce(usename, '')::text                         AS "user",
       CASE WHEN backend_type IS NULL THEN 'hidden' ELSE coalesce(host(client_addr), 'local') END AS address,
       coalesce(state, '')                                 AS state,
       coalesce(extract(epoch FROM clock_timestamp() - query_start), 0)::float8 AS query_seconds,
       coalesce(backend_type, 'client backend')            AS kind,
       xact_start                                          AS transaction_began
  FROM pg_stat_activity
 WHERE datname = current_database()
   -- A role that may not look at another's sessions is told neither their type nor their address; autovacuum has no user.
   AND coalesce(backend_type, 'client backend') NOT IN ('parallel worker', 'autovacuum worker')
   AND usesysid IS NOT NULL
   AND pid <> ALL (%(own)s::int[])
 ORDER BY application, pid
