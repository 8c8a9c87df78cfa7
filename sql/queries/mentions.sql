-- Functions whose text names what the rollback renames or removes. PostgreSQL does not look into such text, so a rename
-- cannot follow there: each has to be read by a person. One row a function, with the words found.
-- Locks: ACCESS SHARE on catalogues only.
SELECT p.oid::regprocedure::text AS function, string_agg(DISTINCT m.word[1], ', ' ORDER BY m.word[1]) AS words
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_language AS l ON l.oid = p.prolang,
LATERAL regexp_matches(
    p.prosrc, '\m(knowledge_bases|kb_id|kb_owner|oauth_provider|oauth_id|is_public|share_url)\M', 'g') AS m (word)
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'rollback')
  AND l.lanname NOT IN ('internal', 'c')
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
GROUP BY p.oid
ORDER BY 1
