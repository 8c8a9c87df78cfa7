-- Backends that are just connecting to this database: they passed the fence before it closed and are not among the sessions
-- yet. While it starts, a backend holds a lock on the database itself.
SELECT l.pid
  FROM pg_locks AS l
 WHERE l.locktype = 'object' AND l.database = 0 AND l.mode = 'RowExclusiveLock'
   AND l.classid = 'pg_database'::regclass
   AND l.objid = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.pid <> ALL (%(own)s::int[])
   AND l.pid <> pg_backend_pid()
