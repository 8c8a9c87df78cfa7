-- Forward migration 012: users may log in through an OAuth provider, and owners get a role of their own. Runs on the
-- baseline; does not depend on 010, 011, 013. Opens no transaction of its own.
--
-- Adds: users.oauth_provider, oauth_id, avatar_url and two partial indexes. The new release links an OAuth identity to
-- an account with a password by e-mail, so an account can have a password, an OAuth identity, or both.
-- Changes: password_hash may be NULL; user_role is made anew with kb_owner in place of professional (users is
-- rewritten under ACCESS EXCLUSIVE).

ALTER TABLE public.users
    ADD COLUMN oauth_provider VARCHAR(50),
    ADD COLUMN oauth_id VARCHAR(255),
    ADD COLUMN avatar_url VARCHAR(500);

ALTER TABLE public.users ALTER COLUMN password_hash DROP NOT NULL;

CREATE UNIQUE INDEX idx_users_oauth ON public.users (oauth_provider, oauth_id)
    WHERE oauth_provider IS NOT NULL AND oauth_id IS NOT NULL;
CREATE INDEX idx_users_avatar_url ON public.users (avatar_url) WHERE avatar_url IS NOT NULL;

CREATE TYPE public.user_role_new AS ENUM ('super_admin', 'kb_owner', 'end_user');
ALTER TABLE public.users ALTER COLUMN role DROP DEFAULT;
ALTER TABLE public.users
    ALTER COLUMN role TYPE public.user_role_new
    USING (CASE role::text WHEN 'professional' THEN 'kb_owner' ELSE role::text END)::public.user_role_new;
ALTER TABLE public.users ALTER COLUMN role SET DEFAULT 'kb_owner';
DROP TYPE public.user_role;
ALTER TYPE public.user_role_new RENAME TO user_role;

COMMENT ON TYPE public.user_role IS 'What somebody is to the platform; owners have knowledge bases';
COMMENT ON COLUMN public.users.password_hash IS 'Empty where somebody signs in through a provider only';
COMMENT ON COLUMN public.users.oauth_provider IS 'Who vouches for the identity';
COMMENT ON COLUMN public.users.oauth_id IS 'What the provider calls this person';
COMMENT ON COLUMN public.users.avatar_url IS 'Picture of the account';
COMMENT ON TABLE public.users IS 'Accounts, with a password, an identity of a provider, or both';
