-- How large a backup can become at most, in bytes: one row, one column.
-- Everything that pg_dump copies (tables with their TOAST, large objects), without indexes. One and a half times, since
-- a dump holds text: random bytes become hexadecimal digits, which gzip brings back to 1.2 times their size, embeddings
-- to about as much; everything else becomes smaller. Sixteen megabytes are for the definitions.
SELECT (1.5 * (coalesce(sum(pg_table_size(c.oid)), 0) + pg_table_size('pg_catalog.pg_largeobject')))::bigint + 16777216
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r'
  AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema');
