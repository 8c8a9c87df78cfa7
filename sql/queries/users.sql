-- Users by the way they sign in; one row. Works whether or not migration 012 is in force: what is no column is NULL.
-- An account counts as linked when it has an OAuth identity. Reads the table once. Locks: ACCESS SHARE on users.
SELECT count(*) AS total,
       count(*) FILTER (WHERE has_password AND NOT has_oauth) AS password_only,
       count(*) FILTER (WHERE has_oauth AND NOT has_password) AS oauth_only,
       count(*) FILTER (WHERE has_oauth AND has_password) AS both,
       count(*) FILTER (WHERE NOT has_oauth AND NOT has_password) AS neither,
       count(*) FILTER (WHERE NOT has_password) AS without_password,
       count(*) FILTER (WHERE NOT active) AS inactive,
       count(*) FILTER (WHERE role = 'super_admin') AS admins,
       count(*) FILTER (WHERE role = 'super_admin' AND NOT has_password) AS admins_without_password,
       count(*) FILTER (WHERE role = 'kb_owner') AS owners_with_new_role
FROM (
    SELECT u.password_hash IS NOT NULL AS has_password,
           to_jsonb(u) ->> 'oauth_id' IS NOT NULL AS has_oauth,
           coalesce(u.is_active, true) AS active,
           u.role::text AS role
    FROM public.users AS u
) AS u
