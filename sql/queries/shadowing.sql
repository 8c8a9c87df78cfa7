-- Functions of the user's that PostgreSQL would call in place of its own: of the same name, on the search_path, with
-- arguments that fit more closely than "any" does. Locks: ACCESS SHARE on catalogues only.
SELECT pg_catalog.quote_ident(n.nspname) OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(p.proname)
           OPERATOR(pg_catalog.||) '(' OPERATOR(pg_catalog.||) pg_catalog.pg_get_function_identity_arguments(p.oid)
           OPERATOR(pg_catalog.||) ')' AS function, n.nspname::pg_catalog.text AS schema
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
WHERE n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))
  AND p.proname OPERATOR(pg_catalog.=) ANY ('{format,concat,concat_ws,num_nulls,num_nonnulls,jsonb_build_object}'::pg_catalog.name[])
ORDER BY 1
