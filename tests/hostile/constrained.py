"""What forbids rows: checks, foreign keys, unique constraints."""
# ruff: noqa: E501 - SQL reads best as it is typed.

from tests.hostile.case import Case

RATED = "UPDATE benchmark_results SET evaluated_by = NULL;\n"
"""Without it the seed's own rows forbid to delete the users without a password."""
WITHOUT = "(SELECT id FROM users WHERE password_hash IS NULL)"
CRM = "CREATE SCHEMA IF NOT EXISTS crm;\n"
DELETE = {"oauth": "delete"}

CHECKS = [
    Case(
        "a check with a label as text",
        "ALTER TABLE users ADD CONSTRAINT users_role_known CHECK (role::text IN ('super_admin', 'kb_owner', 'end_user'));",
        "blocked",
        says="users_role_known",
    ),
    Case(
        "a check with labels of the type",
        "ALTER TABLE users ADD CONSTRAINT users_role_typed CHECK (role IN ('super_admin', 'kb_owner', 'end_user'));",
    ),
    Case(
        "a check with a label as text that no row would violate",
        "ALTER TABLE users ADD CONSTRAINT no_such_owner CHECK (role::text <> 'kb_owner' OR is_active IS NOT NULL);",
        says="no_such_owner",
    ),
    Case(
        "a check that the placeholder violates",
        "ALTER TABLE users ADD CONSTRAINT hash_length CHECK (password_hash IS NULL OR length(password_hash) >= 50) NOT VALID;",
        "blocked",
        says="hash_length",
    ),
    Case(
        "a check that the placeholder violates, and users are kept",
        "ALTER TABLE users ADD CONSTRAINT hash_long CHECK (password_hash IS NULL OR length(password_hash) >= 50);",
        request={"oauth": "keep"},
    ),
    Case(
        "a check that the placeholder violates, and users are deleted",
        "ALTER TABLE users ADD CONSTRAINT hash_longer CHECK (password_hash IS NULL OR length(password_hash) >= 50);\n"
        + RATED,
        request=DELETE,
    ),
    Case(
        "a unique constraint that two placeholders violate",
        "ALTER TABLE users ADD CONSTRAINT no_shared_hash UNIQUE (password_hash);",
        "blocked",
        says="no_shared_hash",
    ),
    Case(
        "a check that nobody is without any way to log in",
        "ALTER TABLE users ADD CONSTRAINT some_way CHECK (password_hash IS NOT NULL OR oauth_id IS NOT NULL OR NOT is_active "
        "OR full_name <> '');",
        "blocked",
        says="some_way",
    ),
    Case(
        "a check on a dropped column alone",
        "ALTER TABLE knowledge_bases ADD CONSTRAINT url_form CHECK (share_url <> '');",
        says="url_form",
        loses="url_form",
    ),
    Case(
        "a check that was never validated, and rows that violate it",
        "ALTER TABLE users ADD CONSTRAINT company_mail CHECK (email LIKE '%@company.example') NOT VALID;",
        "blocked",
        says="company_mail",
    ),
    Case(
        "a check of conversations that was never validated",
        "ALTER TABLE conversations ADD CONSTRAINT old_talks CHECK (created_at < '2000-01-01') NOT VALID;",
    ),
    Case(
        "a check on the statuses as text",
        "ALTER TABLE conversations ADD CONSTRAINT status_known CHECK (status::text IN ('active', 'closed'));",
        says="status_known",
    ),
]

KEYS = [
    Case(
        "a table of tags of knowledge bases",
        "CREATE TABLE base_tags (kb_id uuid NOT NULL REFERENCES knowledge_bases ON DELETE CASCADE, tag text, PRIMARY KEY (kb_id, tag));\n"
        "INSERT INTO base_tags SELECT id, 'new' FROM knowledge_bases;",
        after=("SELECT count(*) > 0 FROM base_tags JOIN digital_twins ON id = kb_id",),
    ),
    Case(
        "another schema's rows that go with a knowledge base",
        CRM
        + "CREATE TABLE crm.leads (id serial PRIMARY KEY, kb uuid NOT NULL REFERENCES public.knowledge_bases ON DELETE CASCADE);\n"
        "INSERT INTO crm.leads (kb) SELECT id FROM public.knowledge_bases;\n" + RATED,
        request=DELETE,
        says=r"crm\.leads",
    ),
    Case(
        "another schema's rows that lose their user",
        CRM + "CREATE TABLE crm.notes (id serial PRIMARY KEY, owner uuid REFERENCES public.users ON DELETE SET NULL);\n"
        "INSERT INTO crm.notes (owner) SELECT id FROM public.users;\n" + RATED,
        request=DELETE,
        says=r"crm\.notes",
    ),
    Case(
        "another schema's rows that forbid to delete a user",
        CRM + "CREATE TABLE crm.tickets (id serial PRIMARY KEY, owner uuid NOT NULL REFERENCES public.users);\n"
        f"INSERT INTO crm.tickets (owner) SELECT id FROM {WITHOUT} u LIMIT 1;\n" + RATED,
        "blocked",
        request=DELETE,
        says=r"crm\.tickets",
    ),
    Case(
        "another schema's rows that forbid to delete a user, and users get passwords",
        CRM
        + "CREATE TABLE crm.orders (id serial PRIMARY KEY, owner uuid NOT NULL REFERENCES public.users ON DELETE RESTRICT);\n"
        "INSERT INTO crm.orders (owner) SELECT id FROM public.users;",
    ),
    Case(
        "another schema's rows that forbid to delete a knowledge base",
        CRM
        + "CREATE TABLE crm.bills (id serial PRIMARY KEY, kb uuid REFERENCES public.knowledge_bases ON DELETE RESTRICT);\n"
        "INSERT INTO crm.bills (kb) SELECT id FROM public.knowledge_bases;\n" + RATED,
        "blocked",
        request=DELETE,
        says=r"crm\.bills",
    ),
    Case(
        "a foreign key that sets NULL where NULL is forbidden",
        "CREATE TABLE duties (id serial PRIMARY KEY, who uuid NOT NULL REFERENCES users ON DELETE SET NULL);\n"
        "INSERT INTO duties (who) SELECT id FROM users;\n" + RATED,
        "blocked",
        request=DELETE,
        says="duties",
    ),
    Case(
        "a foreign key that sets a default",
        "CREATE TABLE chats (id serial PRIMARY KEY, who uuid DEFAULT md5('user 2')::uuid REFERENCES users ON DELETE SET DEFAULT);\n"
        "INSERT INTO chats (who) SELECT id FROM users;\n" + RATED,
        request=DELETE,
        says="chats",
    ),
    Case(
        "a foreign key that sets a default that nobody has",
        "CREATE TABLE rooms (id serial PRIMARY KEY, who uuid DEFAULT md5('nobody')::uuid REFERENCES users ON DELETE SET DEFAULT);\n"
        "INSERT INTO rooms (who) SELECT id FROM users;\n" + RATED,
        "blocked",
        request=DELETE,
        says="rooms",
    ),
    Case(
        "a deferred foreign key that forbids to delete a user",
        "CREATE TABLE shifts (id serial PRIMARY KEY, who uuid REFERENCES users DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO shifts (who) SELECT id FROM users;\n" + RATED,
        "blocked",
        request=DELETE,
        says="shifts",
    ),
    Case(
        "a foreign key that sets one of two columns NULL",
        "CREATE TABLE desks (id serial PRIMARY KEY, who uuid, room int, "
        "FOREIGN KEY (who) REFERENCES users ON DELETE SET NULL (who));\n"
        "INSERT INTO desks (who, room) SELECT id, 1 FROM users;\n" + RATED,
        request=DELETE,
        says="desks",
    ),
    Case(
        "users who were invited by users",
        "ALTER TABLE users ADD COLUMN invited_by uuid REFERENCES users ON DELETE SET NULL;\n"
        "UPDATE users SET invited_by = md5('user oauth-owner')::uuid WHERE email LIKE 'user%';\n" + RATED,
        request=DELETE,
        says="invited_by|users_invited_by_fkey",
    ),
    Case(
        "knowledge bases and conversations that refer to one another",
        "ALTER TABLE knowledge_bases ADD COLUMN main_talk uuid REFERENCES conversations DEFERRABLE INITIALLY DEFERRED;\n"
        "UPDATE knowledge_bases k SET main_talk = (SELECT id FROM conversations c WHERE c.kb_id = k.id LIMIT 1);\n"
        + RATED,
        request=DELETE,
    ),
    Case(
        "a partitioned table that refers to users",
        "CREATE TABLE logins (id int, who uuid REFERENCES users ON DELETE CASCADE, day date) PARTITION BY RANGE (day);\n"
        "CREATE TABLE logins_2025 PARTITION OF logins FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n"
        "CREATE TABLE logins_rest PARTITION OF logins DEFAULT;\n"
        "INSERT INTO logins SELECT 1, id, '2025-05-05' FROM users;\n" + RATED,
        request=DELETE,
        says="logins",
    ),
    Case(
        "a foreign key that was never validated",
        "CREATE TABLE old_notes (id serial PRIMARY KEY, kb_id uuid);\nINSERT INTO old_notes (kb_id) VALUES (md5('nobody')::uuid);\n"
        "ALTER TABLE old_notes ADD CONSTRAINT old_notes_kb FOREIGN KEY (kb_id) REFERENCES knowledge_bases NOT VALID;",
        says="old_notes_kb",
    ),
    Case(
        "another schema's foreign key that was never validated",
        CRM + "CREATE TABLE crm.old_leads (id serial PRIMARY KEY, kb uuid);\n"
        "ALTER TABLE crm.old_leads ADD CONSTRAINT old_leads_kb FOREIGN KEY (kb) REFERENCES public.knowledge_bases NOT VALID;",
    ),
    Case(
        "a foreign key whose triggers are off",
        "CREATE TABLE fast_notes (id serial PRIMARY KEY, kb uuid REFERENCES knowledge_bases);\n"
        "ALTER TABLE fast_notes DISABLE TRIGGER ALL;",
        says="fast_notes",
    ),
    Case(
        "a foreign key to the shared address",
        "CREATE TABLE links (url varchar(255) REFERENCES knowledge_bases (share_url));",
        "blocked",
        says="links",
    ),
    Case(
        "a foreign key to a user's e-mail address, which follows changes",
        CRM
        + "CREATE TABLE crm.mails (id serial PRIMARY KEY, addr varchar(255) REFERENCES public.users (email) ON UPDATE CASCADE);\n"
        "INSERT INTO crm.mails (addr) SELECT email FROM public.users;",
    ),
    Case(
        "a unique constraint with a dropped column",
        "ALTER TABLE knowledge_bases ADD CONSTRAINT own_url UNIQUE (user_id, share_url);",
        "blocked",
        says="own_url",
        loses="own_url",
    ),
    Case(
        "a deferrable unique constraint",
        "ALTER TABLE knowledge_bases ADD CONSTRAINT own_name UNIQUE (user_id, name) DEFERRABLE INITIALLY DEFERRED;",
    ),
    Case(
        "an exclusion constraint",
        "CREATE TABLE bookings (kb_id uuid REFERENCES knowledge_bases, during tsrange, EXCLUDE USING gist (during WITH &&));\n"
        "INSERT INTO bookings SELECT id, '[2025-01-01,2025-01-02)' FROM knowledge_bases LIMIT 1;",
    ),
]
DELETIONS = [
    Case(
        "rows three schemas deep that go with a user",
        CRM + "CREATE SCHEMA IF NOT EXISTS sales;\n"
        "CREATE TABLE crm.accounts (id uuid PRIMARY KEY REFERENCES public.users ON DELETE CASCADE);\n"
        "CREATE TABLE sales.offers (id serial PRIMARY KEY, account uuid REFERENCES crm.accounts ON DELETE CASCADE);\n"
        "CREATE TABLE sales.lines (offer int REFERENCES sales.offers ON DELETE CASCADE, n int);\n"
        "INSERT INTO crm.accounts SELECT id FROM public.users;\nINSERT INTO sales.offers (account) SELECT id FROM crm.accounts;\n"
        "INSERT INTO sales.lines SELECT id, n FROM sales.offers, generate_series(1, 3) AS n;\n" + RATED,
        request=DELETE,
        says=r"sales\.lines",
    ),
    Case(
        "users with passwords who go with the user who invited them",
        "ALTER TABLE users ADD COLUMN sponsor uuid REFERENCES users ON DELETE CASCADE;\n"
        "UPDATE users SET sponsor = md5('user oauth-owner')::uuid WHERE email IN ('user3@example.org', 'user4@example.org');\n"
        + RATED,
        request=DELETE,
        says="sponsor",
    ),
    Case(
        "users who were invited by one who goes, which is forbidden",
        "ALTER TABLE users ADD COLUMN inviter uuid REFERENCES users;\n"
        "UPDATE users SET inviter = md5('user oauth-owner')::uuid WHERE email = 'user2@example.org';\n" + RATED,
        "blocked",
        request=DELETE,
        says="inviter",
    ),
    Case(
        "a table of the same name in another schema that goes with a user",
        CRM + "CREATE TABLE crm.messages (id serial PRIMARY KEY, who uuid REFERENCES public.users ON DELETE CASCADE);\n"
        "INSERT INTO crm.messages (who) SELECT id FROM public.users;\n" + RATED,
        request=DELETE,
        says=r"crm\.messages",
    ),
    Case(
        "a child table of users, whose rows would be deleted too",
        "CREATE TABLE trial_users (until date, PRIMARY KEY (id)) INHERITS (users);\n"
        "INSERT INTO trial_users (email, full_name, oauth_id) VALUES ('trial@example.org', 'Trial', 't1');\n" + RATED,
        request=DELETE,
        says="trial_users",
        alone=True,  # others refer to users, and would mean its rows too
    ),
    Case(
        "a trigger that forbids what would be deleted along",
        CRM
        + "CREATE TABLE crm.contracts (id serial PRIMARY KEY, who uuid REFERENCES public.users ON DELETE CASCADE);\n"
        "INSERT INTO crm.contracts (who) SELECT id FROM public.users;\n"
        "CREATE FUNCTION crm.binding() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'it binds'; END$$;\n"
        "CREATE TRIGGER binding BEFORE DELETE ON crm.contracts FOR EACH ROW EXECUTE FUNCTION crm.binding();\n" + RATED,
        "blocked",
        request=DELETE,
        says="binding",
    ),
    Case(
        "a trigger that silently keeps what would be deleted along",
        "CREATE TABLE ledger (id serial PRIMARY KEY, who uuid REFERENCES users ON DELETE CASCADE);\n"
        "INSERT INTO ledger (who) SELECT id FROM users;\n"
        "CREATE FUNCTION keep_ledger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;\n"
        "CREATE TRIGGER keep_ledger BEFORE DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION keep_ledger();\n" + RATED,
        "blocked",
        request=DELETE,
        says="keep_ledger",
    ),
    Case(
        "a foreign key of two columns to users",
        "ALTER TABLE users ADD CONSTRAINT users_two UNIQUE (id, email);\n"
        "CREATE TABLE badges (who uuid, mail varchar(255), FOREIGN KEY (who, mail) REFERENCES users (id, email) MATCH FULL ON DELETE CASCADE);\n"
        "INSERT INTO badges SELECT id, email FROM users;\n" + RATED,
        request=DELETE,
        says="badges",
    ),
]

CASES = [*CHECKS, *KEYS, *DELETIONS]
