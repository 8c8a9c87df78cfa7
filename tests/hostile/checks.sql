-- The checks of all tables: table, name, condition.
SELECT format('%I.%I', n.nspname, r.relname), c.conname::text, pg_get_expr(c.conbin, c.conrelid)
FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid JOIN pg_namespace AS n ON n.oid = r.relnamespace
WHERE c.contype = 'c' AND r.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
