-- The labels of the enums that the rollback changes, and every stored column of such a type; one row a column, and one
-- without a column where nothing uses the type. All of the user's schemas, domains and arrays over the type included.
-- Locks: ACCESS SHARE on catalogues only.
WITH own (name, labels, oid, oids) AS (
    SELECT t.typname::text, (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
                             FROM pg_enum AS e WHERE e.enumtypid = t.oid),
           t.oid, ARRAY[t.oid, t.typarray]
                  || ARRAY(SELECT d.oid FROM pg_type AS d WHERE d.typtype = 'd' AND d.typbasetype IN (t.oid, t.typarray))
    FROM pg_type AS t
    WHERE t.typnamespace = 'public'::regnamespace AND t.typtype = 'e'
      AND t.typname IN ('user_role', 'conversation_status', 'message_sender', 'llm_provider')
)
SELECT own.name AS type, own.labels, a.attrelid::int8 AS relation, a.attname::text AS "column",
       coalesce(y.typcategory = 'A' OR b.typcategory = 'A', false) AS many
FROM own
LEFT JOIN LATERAL (
    SELECT a.* FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE a.atttypid = ANY (own.oids) AND a.attnum > 0 AND NOT a.attisdropped
      AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback')
) AS a ON true
LEFT JOIN pg_type AS y ON y.oid = a.atttypid
LEFT JOIN pg_type AS b ON b.oid = y.typbasetype
ORDER BY 1, 3, 4
