-- Rows that get a declared placeholder because a NOT NULL column comes back and they have no value for it.
-- {table} is filled in by the caller: knowledge_bases, or digital_twins where 010 is not in force.
-- Works in every state. users.password_hash only if the operator chooses temporary passwords.
-- Reads both tables once. Locks: ACCESS SHARE on both.
SELECT '010' AS migration, 'digital_twins' AS "table", 'profession' AS "column", 'Not recorded' AS placeholder,
       count(*) FILTER (WHERE to_jsonb(k) ->> 'profession' IS NULL) AS rows
FROM public.{table} AS k
UNION ALL
SELECT '012', 'users', 'password_hash', '$2b$10$TEMPORARY_HASH_INVALID_FOR_LOGIN',
       count(*) FILTER (WHERE password_hash IS NULL)
FROM public.users
