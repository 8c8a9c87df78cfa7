-- Functions and procedures whose text names tables or columns that the rollback renames or removes. PostgreSQL does not look
-- into such text, so a rename cannot follow there: each has to be read by a person. One row a function, with the
-- words found; comments in the text do not count. All of the user's schemas. Locks: ACCESS SHARE on catalogues only.
SELECT format('%s %s%I(%s)', CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
              CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END, p.proname,
              pg_get_function_identity_arguments(p.oid)) AS function,
       string_agg(DISTINCT m.word[1], ', ' ORDER BY m.word[1]) AS words
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_language AS l ON l.oid = p.prolang,
LATERAL regexp_matches(
    regexp_replace(regexp_replace(p.prosrc, '/\*.*?\*/', ' ', 'g'), '--[^\n]*', ' ', 'g'),
    '\m(knowledge_bases|kb_id|oauth_provider|oauth_id|avatar_url|is_public|share_url)\M', 'g') AS m (word)
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
  AND l.lanname NOT IN ('internal', 'c')
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
GROUP BY p.oid, p.prokind, n.nspname, p.proname
ORDER BY 1
