-- rehearsal_end_sessions
-- End everybody's sessions on the database :database, from another one.
SELECT pid, pg_terminate_backend(pid) AS signalled
  FROM pg_stat_activity
 WHERE datname = %(database)s AND pid <> pg_backend_pid()
