-- Collations that are not of the version any more that this database was built with, and what uses them: text is compared
-- otherwise now, so that an index over it may miss rows. First the database's own default (name: empty), then others that
-- columns use. PostgreSQL 15 or newer: it keeps the version of the database's own. Locks: ACCESS SHARE on catalogues only.
SELECT '' AS name, d.datcollversion AS built, coalesce(now.version, 'unknown') AS found, 'every index over text' AS used_by,
       format('REINDEX DATABASE %I; ALTER DATABASE %I REFRESH COLLATION VERSION;', d.datname, d.datname) AS remedy
  FROM pg_database AS d
 CROSS JOIN LATERAL (SELECT pg_database_collation_actual_version(d.oid) AS version) AS now
 WHERE d.datname = current_database() AND d.datcollversion IS NOT NULL AND d.datcollversion IS DISTINCT FROM now.version
UNION ALL
SELECT format('%I.%I', n.nspname, c.collname), c.collversion, coalesce(now.version, 'unknown'),
       string_agg(DISTINCT format('%s.%I', u.attrelid::regclass, u.attname), ', '),
       format('REINDEX what uses it; ALTER COLLATION %I.%I REFRESH VERSION;', n.nspname, c.collname)
  FROM pg_collation AS c
  JOIN pg_namespace AS n ON n.oid = c.collnamespace
  JOIN pg_attribute AS u ON u.attcollation = c.oid AND u.attnum > 0 AND NOT u.attisdropped
  JOIN pg_class AS r ON r.oid = u.attrelid AND r.relkind IN ('r', 'p', 'm')
 CROSS JOIN LATERAL (SELECT pg_collation_actual_version(c.oid) AS version) AS now
 WHERE c.collversion IS NOT NULL AND c.collversion IS DISTINCT FROM now.version
 GROUP BY n.nspname, c.collname, c.collversion, now.version
