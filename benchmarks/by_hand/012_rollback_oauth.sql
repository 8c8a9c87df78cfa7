-- 012 taken back the way the team's own script goes about it: the enum is made anew, which rewrites users under
-- ACCESS EXCLUSIVE. Only the benchmark runs this; the real one is sql/rollback/012_rollback_oauth.sql.
-- Written anew: the shipped script forgot the default of the old type and failed. A plain psql -f runs it.

DROP INDEX public.idx_users_oauth;
DROP INDEX public.idx_users_avatar_url;
ALTER TABLE public.users
    DROP COLUMN oauth_provider,
    DROP COLUMN oauth_id,
    DROP COLUMN avatar_url;
ALTER TABLE public.users ALTER COLUMN password_hash SET NOT NULL;

CREATE TYPE public.user_role_new AS ENUM ('super_admin', 'professional', 'end_user');
ALTER TABLE public.users ALTER COLUMN role DROP DEFAULT;
ALTER TABLE public.users
    ALTER COLUMN role TYPE public.user_role_new
    USING (CASE role::text WHEN 'kb_owner' THEN 'professional' ELSE role::text END)::public.user_role_new;
ALTER TABLE public.users ALTER COLUMN role SET DEFAULT 'professional';
DROP TYPE public.user_role;
ALTER TYPE public.user_role_new RENAME TO user_role;
