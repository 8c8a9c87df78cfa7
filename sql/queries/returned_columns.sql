-- Columns of the knowledge bases that have the name of one which 010 brings back, and another type or default; one row each.
-- {table} is filled in by the caller: knowledge_bases, or digital_twins. Reads the table once. Locks: ACCESS SHARE on it.
SELECT v.name AS "column", v.type AS wanted, format_type(a.atttypid, a.atttypmod) AS found,
       pg_get_expr(d.adbin, d.adrelid) AS "default",
       (SELECT count(to_jsonb(t) ->> v.name) FROM public.{table} AS t) AS rows
FROM (VALUES
    ('profession', 'character varying(255)', NULL), ('bio', 'text', NULL), ('personality_traits', 'jsonb', NULL),
    ('communication_style', 'text', NULL), ('capabilities', 'jsonb', NULL), ('services', 'jsonb', NULL),
    ('pricing_info', 'jsonb', NULL), ('availability_schedule', 'jsonb', NULL), ('handover_threshold', 'numeric(3,2)', '0.5')
) AS v (name, type, def)
JOIN pg_attribute AS a ON a.attrelid = 'public.{table}'::regclass AND a.attname = v.name AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE format_type(a.atttypid, a.atttypmod) <> v.type OR pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM v.def
ORDER BY 1
