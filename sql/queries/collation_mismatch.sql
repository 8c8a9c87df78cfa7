-- collation_mismatch
-- Whether this database was made with another version of its collation than the server has now: a server refuses to copy
-- it then (PostgreSQL 15 and newer; the libraries of the operating system were renewed).
SELECT format('the database was made with version %s of its collation, the server has %s, and refuses to copy it so '
              '(rebuild the indexes on text, then ALTER DATABASE %I REFRESH COLLATION VERSION)',
              d.datcollversion, coalesce(now.version, 'none'), d.datname) AS mismatch
  FROM pg_database d, pg_database_collation_actual_version(d.oid) AS now (version)
 WHERE d.datname = current_database() AND d.datcollversion IS NOT NULL AND d.datcollversion IS DISTINCT FROM now.version
