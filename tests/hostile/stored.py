"""How things are stored: indexes, statistics, partitions, inheritance, storage options, comments."""
# ruff: noqa: E501 - SQL reads best as it is typed.

from tests.hostile.case import Case

CASES = [
    Case(
        "an index on dropped columns alone",
        "CREATE INDEX team_share ON knowledge_bases (share_url, is_public);",
        says="team_share",
        loses="team_share",
    ),
    Case(
        "an index on an expression over a dropped column",
        "CREATE INDEX lower_picture ON users (lower(avatar_url));",
        says="lower_picture",
        loses="lower_picture",
    ),
    Case(
        "an index that covers a dropped column",
        "CREATE INDEX mail_and_picture ON users (email) INCLUDE (avatar_url);",
        "blocked",
        says="mail_and_picture",
        loses="mail_and_picture",
    ),
    Case(
        "an index with a dropped column in its condition",
        "CREATE UNIQUE INDEX public_names ON knowledge_bases (name, id) WHERE is_public;",
        "blocked",
        says="public_names",
        loses="public_names",
    ),
    Case(
        "an index with a label of the type in its condition",
        "CREATE INDEX owners_mail ON users (email) WHERE role = 'kb_owner';\n"
        "CREATE INDEX bots_words ON messages (conversation_id) WHERE sender = 'assistant';\n"
        "CREATE INDEX open_talks ON conversations (kb_id) WHERE status = 'active';",
    ),
    Case(
        "an index on the providers, and gemini is removed",
        "CREATE INDEX local_ones ON knowledge_bases (id) WHERE llm_provider = 'ollama';",
        "blocked",
        request={"gemini": "remove"},
        says="local_ones",
    ),
    Case(
        "an index that is invalid",
        "CREATE INDEX broken ON messages (created_at);\n"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass;",
    ),
    Case(
        "an index of the baseline that is invalid",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_users_email'::regclass;",
        says="idx_users_email",
        drift="idx_users_email",
    ),
    Case(
        "comments on indexes that go",
        "COMMENT ON INDEX idx_users_oauth IS 'one identity, one account';\n"
        "COMMENT ON CONSTRAINT knowledge_bases_share_url_key ON knowledge_bases IS 'one address each';",
        says="one identity, one account|idx_users_oauth",
        loses="idx_users_oauth|knowledge_bases_share_url_key",
    ),
    Case(
        # What the transformation itself describes loses its comment, whoever wrote it last.
        "the team's comments on what stays",
        "COMMENT ON COLUMN users.role IS 'see the handbook, page 12';\n"
        "COMMENT ON TABLE knowledge_bases IS 'owned by team blue';\n"
        "COMMENT ON COLUMN conversations.kb_id IS 'which base answers';\nCOMMENT ON TYPE user_role IS 'see the handbook, page 13';",
        says=r"table public\.(knowledge_bases|digital_twins)",
        after=(
            "SELECT col_description('users'::regclass, (SELECT attnum FROM pg_attribute WHERE attrelid = 'users'::regclass "
            "AND attname = 'role')) = 'see the handbook, page 12'",
        ),
    ),
    Case(
        "the team's comments on columns that go",
        "COMMENT ON COLUMN users.avatar_url IS 'from the provider, cached';\nCOMMENT ON COLUMN knowledge_bases.share_url IS 'printed on cards';",
        says="avatar_url",
        loses="avatar_url|share_url",
    ),
    Case(
        "comments on everything the team has",
        "CREATE TABLE remarks (id int PRIMARY KEY, t text);\nCOMMENT ON TABLE remarks IS 'ours';\n"
        "COMMENT ON COLUMN remarks.t IS E'two\\nlines, 100 %, it''s';\nCOMMENT ON SCHEMA public IS 'the application''s';\n"
        "COMMENT ON INDEX remarks_pkey IS 'ours too';\nCOMMENT ON TRIGGER update_users_updated_at ON users IS 'do not drop';",
    ),
    Case(
        "statistics on dropped columns alone",
        "CREATE STATISTICS identities ON oauth_provider, oauth_id FROM users;",
        says="identities",
        loses="identities",
    ),
    Case(
        "statistics with a dropped column",
        "CREATE STATISTICS mixed ON email, avatar_url FROM users;",
        "blocked",
        says="mixed",
        loses="mixed",
    ),
    Case(
        "statistics on columns that stay",
        "CREATE STATISTICS stays ON kb_id, status FROM conversations;\nALTER TABLE users ALTER COLUMN email SET STATISTICS 500;",
        drift=r"column public\.users\.email",
    ),
    Case(
        "a child table of users",
        "CREATE TABLE vip_users (level int, PRIMARY KEY (id)) INHERITS (users);\n"
        "INSERT INTO vip_users (email, full_name, password_hash) VALUES ('vip@example.org', 'Vip', 'x');",
        says="vip_users",
    ),
    Case(
        "a child table of users with an owner without a password",
        "CREATE TABLE guests (level int, PRIMARY KEY (id)) INHERITS (users);\n"
        "INSERT INTO guests (email, full_name, oauth_id) VALUES ('guest@example.org', 'Guest', 'g1');",
        "blocked",
        says="guests",
    ),
    Case(
        "a child table of conversations",
        "CREATE TABLE old_conversations () INHERITS (conversations);\n"
        "INSERT INTO old_conversations (id, kb_id, end_user_id) SELECT gen_random_uuid(), kb_id, end_user_id FROM conversations LIMIT 3;",
        says="old_conversations",
    ),
    Case(
        "a table that is partitioned by day, with knowledge bases",
        "CREATE TABLE visits (kb_id uuid REFERENCES knowledge_bases, day date) PARTITION BY RANGE (day);\n"
        "CREATE TABLE visits_2025 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n"
        "INSERT INTO visits SELECT id, '2025-05-05' FROM knowledge_bases;",
        after=("SELECT count(*) > 0 FROM visits",),
    ),
    Case(
        "storage options",
        "ALTER TABLE users SET (fillfactor = 70, autovacuum_enabled = false);\n"
        "ALTER TABLE messages ALTER COLUMN content SET STORAGE EXTERNAL;\nALTER TABLE conversations CLUSTER ON conversations_pkey;\n"
        "ALTER TABLE knowledge_base ALTER COLUMN content SET COMPRESSION pglz;",
        drift=r"(table public\.(users|conversations)|column public\.(messages|knowledge_base)\.content|"
        r"index public\.conversations_pkey)",
        says="users|Drift",
    ),
    Case(
        "an index of the baseline with another fill factor",
        "ALTER INDEX idx_users_email SET (fillfactor = 60);",
        says="idx_users_email",
        drift="idx_users_email",
    ),
    Case(
        "replica identities",
        "ALTER TABLE users REPLICA IDENTITY FULL;\nALTER TABLE knowledge_bases REPLICA IDENTITY USING INDEX digital_twins_user_id_key;",
        drift=r"table public\.(users|digital_twins)|index public\.digital_twins_user_id_key",
    ),
    Case(
        "an unlogged table with knowledge bases",
        "CREATE UNLOGGED TABLE kb_cache (kb_id uuid PRIMARY KEY REFERENCES knowledge_bases ON DELETE CASCADE, answer text);\n"
        "INSERT INTO kb_cache SELECT id, 'cached' FROM knowledge_bases;",
    ),
    Case(
        "a table without a primary key, and duplicate rows",
        "CREATE TABLE loose (kb_id uuid, what text);\nINSERT INTO loose SELECT id, 'twice' FROM knowledge_bases, generate_series(1, 2);",
    ),
    Case(
        "identity columns and sequences",
        "CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n serial);\nINSERT INTO numbered (n) VALUES (7);\n"
        "CREATE SEQUENCE ticket_numbers START 1000 OWNED BY users.id;\nSELECT nextval('ticket_numbers');",
    ),
    Case(
        "a sequence that is owned by a dropped column",
        "CREATE SEQUENCE url_numbers OWNED BY knowledge_bases.share_url;\nSELECT nextval('url_numbers');",
        "blocked",
        says="url_numbers",
        loses="url_numbers",
    ),
    Case(
        "a default on a dropped column that uses a sequence",
        "CREATE SEQUENCE guest_numbers;\nALTER TABLE users ALTER COLUMN oauth_id SET DEFAULT 'guest-' || nextval('guest_numbers');",
        says="",
    ),
    Case("large objects", "SELECT lo_from_bytea(0, 'a picture');\nSELECT lo_from_bytea(0, decode('00ff', 'hex'));"),
    Case(
        "a tablespace of the team's",
        "SET allow_in_place_tablespaces = on;\nCREATE TABLESPACE team_space LOCATION '';\n"
        "CREATE TABLE elsewhere (id int PRIMARY KEY) TABLESPACE team_space;\nINSERT INTO elsewhere VALUES (1);\n"
        "CREATE INDEX kb_elsewhere ON knowledge_bases (name) TABLESPACE team_space;",
        undo_after="DROP TABLESPACE team_space;",
        alone=True,
        versions=("15", "18"),
    ),
    Case(
        "long texts",
        "UPDATE knowledge_base SET content = repeat('long ', 300000) WHERE id IN (SELECT id FROM knowledge_base LIMIT 2);",
    ),
]
