-- Views that show whole rows of a table that gains or loses columns, and columns that hold such rows; one row each.
-- In the text of a view PostgreSQL writes a whole row as name.*. Locks: ACCESS SHARE on catalogues only.
WITH changed AS (
    SELECT oid, reltype, relname FROM pg_class
    WHERE oid IN (to_regclass('public.users'), to_regclass('public.knowledge_bases'), to_regclass('public.digital_twins'),
                  to_regclass('public.conversations'))
),
own AS (
    SELECT c.oid, c.relkind, CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END
                             || quote_ident(c.relname) AS name
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
)
SELECT DISTINCT CASE v.relkind WHEN 'v' THEN 'view ' ELSE 'materialized view ' END || v.name AS object, c.relname::text AS "table"
FROM own AS v
JOIN pg_rewrite AS w ON w.ev_class = v.oid
JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
JOIN changed AS c ON c.oid = d.refobjid
WHERE v.relkind IN ('v', 'm') AND pg_get_viewdef(v.oid) ~ '\.\*'
UNION
SELECT format('column %s.%I', r.name, a.attname), c.relname::text
FROM own AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
JOIN changed AS c ON c.reltype IN (t.oid, t.typelem, t.typbasetype)
WHERE r.relkind IN ('r', 'p', 'm')
ORDER BY 1, 2
