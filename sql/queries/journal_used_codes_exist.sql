-- Whether an earlier version kept used codes in this journal: a plain table of ours, which reads without running
-- anything of anybody's. Locks: ACCESS SHARE on catalogues only.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_roles AS r ON r.rolname = current_user
     WHERE n.nspname = 'rollback' AND c.relname = 'used_code' AND c.relkind = 'r'
       AND c.relowner = r.oid AND n.nspowner = r.oid AND NOT c.relrowsecurity AND NOT c.relhassubclass
       AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_catalog.pg_attribute AS a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')
           = '{accepted,approver,step,used}'
) AS found
