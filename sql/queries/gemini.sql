-- Rows whose provider is gemini, a label of migration 013; one row. Works whether or not the label exists.
-- {table} is filled in by the caller: knowledge_bases, or digital_twins where 010 is not in force.
-- Reads the table once. Locks: ACCESS SHARE on it.
SELECT count(*) FILTER (WHERE k.llm_provider::text = 'gemini') AS rows,
       EXISTS (SELECT FROM pg_enum WHERE enumtypid = to_regtype('public.llm_provider') AND enumlabel = 'gemini') AS label
FROM public.{table} AS k
