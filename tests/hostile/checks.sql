-- The checks and foreign keys of all tables: table, name, and a query that counts the rows that violate it.
SELECT format('%I.%I', n.nspname, r.relname), c.conname::text,
       CASE c.contype
           WHEN 'c' THEN format('SELECT count(*) FROM ONLY %I.%I WHERE NOT (%s)', n.nspname, r.relname,
                                pg_get_expr(c.conbin, c.conrelid))
           ELSE (SELECT format('SELECT count(*) FROM ONLY %I.%I AS c WHERE num_nulls(%s) = 0 '
                               'AND NOT EXISTS (SELECT FROM %s AS p WHERE %s)', n.nspname, r.relname,
                               string_agg(format('c.%I', mine.attname), ', '), c.confrelid::regclass,
                               string_agg(format('p.%I = c.%I', theirs.attname, mine.attname), ' AND '))
                 FROM unnest(c.conkey, c.confkey) AS k (mine, theirs)
                 JOIN pg_attribute AS mine ON mine.attrelid = c.conrelid AND mine.attnum = k.mine
                 JOIN pg_attribute AS theirs ON theirs.attrelid = c.confrelid AND theirs.attnum = k.theirs) END
FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid JOIN pg_namespace AS n ON n.oid = r.relnamespace
WHERE c.contype IN ('c', 'f') AND r.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
