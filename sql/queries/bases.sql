-- How many knowledge bases (digital twins) there are; one row.
-- {table} is filled in by the caller: knowledge_bases, or digital_twins where 010 is not in force.
-- Reads the table once. Locks: ACCESS SHARE on it.
SELECT count(*) AS rows FROM public.{table}
