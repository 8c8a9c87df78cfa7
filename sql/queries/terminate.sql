-- End these sessions, as far as they are (still) connected to this database. Says for each whether the signal was sent.
SELECT pid, pg_terminate_backend(pid) AS signalled
  FROM pg_stat_activity
 WHERE datname = current_database()
   AND pid = ANY (%(pids)s::int[])
