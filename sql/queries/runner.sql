-- Who holds the runner's lock on the database :database (seen from any database of the cluster).
SELECT a.pid,
       a.application_name AS application,
       coalesce(host(a.client_addr), 'local') AS address,
       a.backend_start AS since
  FROM pg_locks l
  JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND l.granted
   AND l.classid = x'726F6C6C'::int::oid AND l.objid = x'6261636B'::int::oid AND l.objsubid = 2
   AND l.database = (SELECT oid FROM pg_database WHERE datname = %(database)s)
