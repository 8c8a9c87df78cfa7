-- rehearsal_databases
-- The database :name, or all (NULL), with the comment that may be a rehearsal's mark.
SELECT datname::text AS name,
       oid::int8 AS oid,
       shobj_description(oid, 'pg_database') AS comment,
       datconnlimit AS connection_limit,
       datallowconn AS takes_connections
  FROM pg_database
 WHERE datname = coalesce(%(name)s, datname)
 ORDER BY datname
