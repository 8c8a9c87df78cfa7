"""What uses the types that change, and the types of the tables' rows."""
# ruff: noqa: E501 - SQL reads best as it is typed.

from tests.hostile.case import Case

CASES = [
    Case(
        "a table with a column of the roles, and a default",
        "CREATE TABLE invitations (id serial PRIMARY KEY, role user_role NOT NULL DEFAULT 'kb_owner');\n"
        "INSERT INTO invitations DEFAULT VALUES;",
        after=("SELECT count(*) = 1 FROM invitations WHERE role::text = 'professional'",),
    ),
    Case(
        "a table with a default that has a label as text",
        "CREATE TABLE invited (id serial PRIMARY KEY, role text NOT NULL DEFAULT 'kb_owner');\nINSERT INTO invited DEFAULT VALUES;",
        says="invited",
    ),
    Case(
        "an array of roles",
        "CREATE TABLE permits (id serial PRIMARY KEY, roles user_role[] DEFAULT '{kb_owner}');\nINSERT INTO permits DEFAULT VALUES;",
        after=("SELECT roles::text = '{professional}' FROM permits",),
    ),
    Case(
        "a domain over the roles",
        "CREATE DOMAIN staff AS user_role CHECK (VALUE <> 'end_user');\n"
        "CREATE TABLE staff_list (id serial PRIMARY KEY, role staff);\nINSERT INTO staff_list (role) VALUES ('kb_owner');",
    ),
    Case(
        "a domain whose check has a label as text",
        "CREATE DOMAIN role_name AS text CHECK (VALUE IN ('super_admin', 'kb_owner', 'end_user'));\n"
        "CREATE TABLE role_names (id serial PRIMARY KEY, role role_name);",
        says="role_name",
    ),
    Case(
        "a composite type with a role",
        "CREATE TYPE member AS (who uuid, role user_role);\nCREATE TABLE teams (id serial PRIMARY KEY, lead member);\n"
        "INSERT INTO teams (lead) SELECT ROW(id, role)::member FROM users;",
    ),
    Case(
        "a range over the roles",
        "CREATE TYPE role_span AS RANGE (SUBTYPE = user_role);\nCREATE TABLE spans (id serial PRIMARY KEY, span role_span);\n"
        "INSERT INTO spans (span) VALUES ('[super_admin,kb_owner]');",
    ),
    Case(
        "a table with statuses and senders",
        "CREATE TABLE message_log (id serial PRIMARY KEY, status conversation_status DEFAULT 'active', sender message_sender);\n"
        "INSERT INTO message_log (sender) VALUES ('assistant');",
        after=("SELECT count(*) = 1 FROM message_log",),
    ),
    Case(
        "a table that is partitioned by role",
        "CREATE TABLE by_role (id int, role user_role) PARTITION BY LIST (role);\n"
        "CREATE TABLE by_role_owners PARTITION OF by_role FOR VALUES IN ('kb_owner');\n"
        "CREATE TABLE by_role_rest PARTITION OF by_role DEFAULT;\nINSERT INTO by_role VALUES (1, 'kb_owner'), (2, 'end_user');",
        after=("SELECT count(*) = 1 FROM by_role_owners",),
    ),
    Case(
        "a table with providers",
        "CREATE TABLE models (id serial PRIMARY KEY, provider llm_provider);\nINSERT INTO models (provider) VALUES ('gemini');",
    ),
    Case(
        "a table with providers, and gemini is removed",
        "CREATE TABLE models_used (id serial PRIMARY KEY, provider llm_provider);",
        "blocked",
        request={"gemini": "remove"},
        says="models_used",
    ),
    Case("gemini is removed", "SELECT 1;", request={"gemini": "remove"}),
    Case(
        "a column of the type of a knowledge base's row",
        "CREATE TABLE team_rows (id serial PRIMARY KEY, kb knowledge_bases);\n"
        "INSERT INTO team_rows (kb) SELECT k FROM knowledge_bases k LIMIT 2;",
        "blocked",
        says="team_rows",
    ),
    Case(
        "a column of the type of a user's row",
        "CREATE TABLE user_rows (id serial PRIMARY KEY, was users);\nINSERT INTO user_rows (was) SELECT u FROM users u LIMIT 2;",
        "blocked",
        says="user_rows",
    ),
    Case(
        "a column of the type of a conversation's row",
        "CREATE TABLE talk_rows (id serial PRIMARY KEY, was conversations[]);",
        says="talk_rows",
    ),
    Case(
        "a generated column with a label of the type",
        "ALTER TABLE users ADD COLUMN is_owner bool GENERATED ALWAYS AS (role = 'kb_owner') STORED;",
        after=("SELECT count(*) > 0 FROM users WHERE is_owner",),
    ),
    Case(
        "a generated column from a dropped one",
        "ALTER TABLE users ADD COLUMN has_avatar bool GENERATED ALWAYS AS (avatar_url <> '') STORED;",
        "blocked",
        says="has_avatar",
    ),
    Case(
        "a label that the team added to the roles",
        "ALTER TYPE user_role ADD VALUE 'support';",
        "blocked",
        says="user_role",
    ),
    Case(
        "a label that the team added and uses",
        "ALTER TYPE user_role ADD VALUE 'auditor';\nUPDATE users SET role = 'auditor' WHERE email = 'user2@example.org';",
        "blocked",
        says="user_role",
    ),
    Case(
        "a label that the team added to the statuses",
        "ALTER TYPE conversation_status ADD VALUE 'spam';",
        "blocked",
        says="conversation_status",
    ),
    Case(
        "a label that the team added to the providers",
        "ALTER TYPE llm_provider ADD VALUE 'mistral';",
        "blocked",
        says="llm_provider",
        drift=r"type public\.llm_provider",
    ),
    Case(
        "both names of the bot",
        "ALTER TYPE message_sender ADD VALUE 'twin';",
        "blocked",
        says="message_sender",
    ),
    Case(
        "gemini as default provider",
        "ALTER TABLE knowledge_bases ALTER COLUMN llm_provider SET DEFAULT 'gemini';",
        says="llm_provider",
        drift=r"column public\.digital_twins\.llm_provider",
    ),
    Case(
        "gemini as default provider, and gemini is removed",
        "ALTER TABLE knowledge_bases ALTER COLUMN llm_provider SET DEFAULT 'gemini';",
        request={"gemini": "remove"},
        says="llm_provider",
    ),
    Case(
        "a check with gemini as text, and gemini is removed",
        "ALTER TABLE knowledge_bases ADD CONSTRAINT known_models CHECK (llm_provider::text <> 'openai' OR llm_model IS NOT NULL);\n"
        "UPDATE knowledge_bases SET llm_model = NULL WHERE llm_provider = 'gemini';",
        "blocked",
        request={"gemini": "remove"},
        says="known_models",
    ),
    Case(
        "a virtual column from a dropped one",
        "ALTER TABLE users ADD COLUMN linked bool GENERATED ALWAYS AS (oauth_id IS NOT NULL) VIRTUAL;",
        "blocked",
        says="linked",
    ),
    Case(
        "constraints that are not enforced",
        "ALTER TABLE users ADD CONSTRAINT long_name CHECK (length(full_name) > 100) NOT ENFORCED;\n"
        "CREATE TABLE soft (kb uuid, CONSTRAINT soft_kb FOREIGN KEY (kb) REFERENCES knowledge_bases NOT ENFORCED);",
        says="soft_kb|long_name",
    ),
    Case(
        "NOT NULL for passwords that was never validated",
        "ALTER TABLE users ADD CONSTRAINT pw_there NOT NULL password_hash NOT VALID;",
        "blocked",
        says="pw_there|password_hash",
    ),
    Case(
        "a named NOT NULL on a column that goes",
        "UPDATE knowledge_bases SET description = coalesce(description, '-');\n"
        "ALTER TABLE knowledge_bases ADD CONSTRAINT described NOT NULL description;",
        loses="described",
        says="description",
    ),
]
