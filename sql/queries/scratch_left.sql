-- Scratch databases, known by their comment, and the number by which a living proof holds its own.
SELECT datname::text AS name, hashtextextended(datname, 0) AS key
  FROM pg_database
 WHERE shobj_description(oid, 'pg_database') = %(comment)s
 ORDER BY 1
