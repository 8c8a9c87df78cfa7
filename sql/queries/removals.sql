-- Values that the rollback takes out of their columns, and whether the archive keeps them; one row a column.
-- {table} is filled in by the caller: knowledge_bases, or digital_twins where 010 is not in force.
-- Works in every state: what is no column is NULL. Reads both tables once. Locks: ACCESS SHARE on both.
SELECT v.migration, v.tab AS "table", v.col AS "column", v.held AS rows, v.archive
FROM (
    SELECT count(r ->> 'oauth_provider') AS provider, count(r ->> 'oauth_id') AS id, count(r ->> 'avatar_url') AS avatar
    FROM (SELECT to_jsonb(u) AS r FROM public.users AS u) AS u
) AS users,
(
    SELECT count(r ->> 'description') AS description, count(r ->> 'is_public') AS public,
           count(r ->> 'share_url') AS url
    FROM (SELECT to_jsonb(k) AS r FROM public.{table} AS k) AS k
) AS bases,
LATERAL (VALUES
    (1, '012', 'users', 'oauth_provider', users.provider, 'rollback.archived_users'),
    (2, '012', 'users', 'oauth_id', users.id, 'rollback.archived_users'),
    (3, '012', 'users', 'avatar_url', users.avatar, 'rollback.archived_users'),
    (4, '010', 'knowledge_bases', 'description', bases.description, 'rollback.archived_knowledge_bases'),
    (5, '010', 'knowledge_bases', 'is_public', bases.public, 'rollback.archived_knowledge_bases'),
    (6, '010', 'knowledge_bases', 'share_url', bases.url, 'rollback.archived_knowledge_bases')
) AS v (nr, migration, tab, col, held, archive)
ORDER BY v.nr
