-- rehearsal_seen
-- Is the lock of rehearsal_key held on this server, and in which database?
SELECT d.datname::text AS database
  FROM pg_locks l
  JOIN pg_database d ON d.oid = l.database
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
   AND l.classid = %(high)s::int::oid AND l.objid = %(low)s::int::oid
