-- snapshots_unknown
-- Databases that are named like a copy of this one, and that are none of :known.
SELECT datname::text AS database
  FROM pg_database
 WHERE starts_with(datname, %(prefix)s) AND datname <> current_database() AND datname <> ALL (%(known)s::text[])
 ORDER BY datname
