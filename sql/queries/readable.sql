-- May this role read the tables of schema public, all rows of them? Without that not even a plan can be drawn.
SELECT coalesce(bool_and(has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
                         AND NOT row_security_active(c.oid)), true)
       AS readable
  FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
