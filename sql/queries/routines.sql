-- The text of the functions and procedures of the user's own schemas; one row a function. Those of extensions, of C and of
-- PostgreSQL itself are left out. Locks: ACCESS SHARE on catalogues only.
SELECT p.oid::int8 AS oid, p.proname::text AS name, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) AS text,
       l.lanname::text AS language,
       CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(p.proname) AS shown
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.prokind IN ('f', 'p') AND l.lanname NOT IN ('internal', 'c')
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1
