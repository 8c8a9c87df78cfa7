-- End the watchdogs of the database :database, as far as this role may; the others end by themselves once no runner lives.
SELECT a.pid, pg_terminate_backend(a.pid) AS signalled
  FROM pg_locks AS l
  JOIN pg_stat_activity AS a USING (pid)
 WHERE l.locktype = 'advisory' AND l.granted
   AND l.classid = x'66656E63'::int::oid AND l.objsubid = 2
   AND l.objid = (SELECT oid FROM pg_database WHERE datname = %(database)s)
   AND pg_has_role(a.usesysid, 'USAGE')
