-- rehearsal_needs
-- What a restore of this database asks of its server beside PostgreSQL itself: extensions, and roles that are named by
-- what is restored although owners and privileges are not.
SELECT 'extension' AS kind, extname::text AS name, '' AS "where" FROM pg_extension
 UNION ALL
SELECT 'policy', r.rolname::text, format('%s on %s', p.polname, p.polrelid::regclass)
  FROM pg_policy p JOIN pg_roles r ON r.oid = ANY (p.polroles)
 UNION ALL
SELECT 'user mapping', m.usename::text, format('for server %s', m.srvname) FROM pg_user_mappings m WHERE m.umuser <> 0
 ORDER BY 1, 2, 3
