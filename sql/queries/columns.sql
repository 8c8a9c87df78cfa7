-- The columns of one table, in their order; one row a column, with the expression of a generated one; a domain's type is its base type.
-- Locks: ACCESS SHARE on catalogues only.
SELECT a.attname::text AS name, CASE y.typtype WHEN 'd' THEN format_type(y.typbasetype, y.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END AS type,
       CASE WHEN a.attgenerated <> '' THEN pg_get_expr(e.adbin, e.adrelid) END AS generated,
       a.attnotnull AS required
FROM pg_attribute AS a
JOIN pg_type AS y ON y.oid = a.atttypid
LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
WHERE a.attrelid = (%(relation)s)::int8::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
