-- End every connection to this database that is not the runbook's. Says for each whether the signal could be sent.
SELECT pid, pg_terminate_backend(pid) AS signalled
  FROM pg_stat_activity
 WHERE datname = current_database()
   -- A role that may not look at another's sessions is told neither their type nor their address.
   AND coalesce(backend_type, 'client backend') = 'client backend'
   AND usesysid IS NOT NULL
   AND pid <> ALL (%(own)s::int[])
   AND application_name <> ALL (%(spared)s::text[])
