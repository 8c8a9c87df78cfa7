-- The watchdogs that stand behind the fence of a database, which is given by name or by oid (seen from any of the cluster).
SELECT l.pid
  FROM pg_locks AS l
 WHERE l.locktype = 'advisory' AND l.granted
   AND l.classid = x'66656E63'::int::oid AND l.objsubid = 2
   AND l.objid = coalesce(%(oid)s::oid, (SELECT oid FROM pg_database WHERE datname = %(database)s))
