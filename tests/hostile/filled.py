"""What stands in the rows."""
# ruff: noqa: E501 - SQL reads best as it is typed.

from tests.hostile.case import Case

RATED = "UPDATE benchmark_results SET evaluated_by = NULL;\n"

CASES = [
    Case("nothing added", "SELECT 1;", versions=("15", "16", "17", "18")),
    Case("nothing added, users are kept", "SELECT 1;", request={"oauth": "keep"}),
    Case("nothing added, users are deleted", RATED, request={"oauth": "delete"}),
    Case(
        "a user without a password has rated a result, and is deleted",
        "SELECT 1;",
        "blocked",
        request={"oauth": "delete"},
        says="benchmark_results",
        alone=True,  # what others add takes these ratings away
    ),
    Case("no users at all", RATED + "DELETE FROM users;", alone=True),
    Case(
        "no rows in any table",
        "TRUNCATE users, end_users, vector_store, llm_usage, analytics_events CASCADE;",
        alone=True,
    ),
    Case("everybody signs in through OAuth", "UPDATE users SET password_hash = NULL;", alone=True),
    Case(
        "everybody signs in through OAuth, and is deleted",
        RATED + "UPDATE users SET password_hash = NULL;",
        request={"oauth": "delete"},
        alone=True,
    ),
    Case(
        "nobody signs in through OAuth",
        RATED + "DELETE FROM users WHERE password_hash IS NULL;\n"
        "UPDATE users SET oauth_provider = NULL, oauth_id = NULL, avatar_url = NULL;",
    ),
    Case(
        "users who can sign in by nothing",
        "INSERT INTO users (email, full_name, role) VALUES ('lost@example.org', 'Lost', 'end_user');",
    ),
    Case("empty passwords", "UPDATE users SET password_hash = '' WHERE email = 'user2@example.org';"),
    Case(
        "NULL where nobody thinks of it",
        "UPDATE users SET is_active = NULL, email_verified = NULL, created_at = NULL, updated_at = NULL WHERE email LIKE 'user%';\n"
        "UPDATE conversations SET status = NULL, metadata = NULL, updated_at = NULL;\n"
        "UPDATE knowledge_bases SET llm_model = NULL, temperature = NULL, is_active = NULL, rag_config = NULL, description = NULL, "
        "is_public = NULL, share_url = NULL;",
    ),
    Case(
        "times at the ends of the calendar",
        "UPDATE users SET created_at = 'infinity', updated_at = '-infinity' WHERE email = 'user1@example.org';\n"
        "UPDATE conversations SET created_at = '4713-01-01 BC', closed_at = '294276-12-31';\n"
        "UPDATE messages SET created_at = 'infinity';",
    ),
    Case(
        "texts that are hard to print",
        "UPDATE users SET full_name = E'Zo\\u00eb \\u202eright to left\\u202c \\u0001 % {} | `x` <b>';\n"
        "UPDATE knowledge_bases SET name = E'two\\nlines \\U0001F600 %s {0}', description = repeat('x', 1000000);\n"
        "UPDATE users SET email = E'z\\u00fcrich@ex\\u00e4mple.org' WHERE email = 'user3@example.org';",
    ),
    Case(
        "e-mail addresses that are none",
        "UPDATE users SET email = 'no address' WHERE email = 'user2@example.org';\n"
        "UPDATE users SET email = '' WHERE email = 'user3@example.org';",
    ),
    Case(
        "e-mail addresses that differ only in case",
        "INSERT INTO users (email, password_hash, full_name) VALUES ('USER1@example.org', 'x', 'Twin of one');",
    ),
    Case(
        "an owner with many knowledge bases where the constraint is gone",
        "ALTER TABLE knowledge_bases DROP CONSTRAINT digital_twins_user_id_key;\n"
        "INSERT INTO knowledge_bases (user_id, name) SELECT user_id, 'a second one' FROM knowledge_bases LIMIT 1;",
        "blocked",
        says="digital_twins_user_id_key",
    ),
    Case(
        "orphans that no trigger saw",
        "SET session_replication_role = replica;\nUPDATE conversations SET kb_id = md5('nobody')::uuid WHERE id IN (SELECT id FROM conversations LIMIT 1);\n"
        "INSERT INTO messages (conversation_id, sender, content) VALUES (md5('nowhere')::uuid, 'user', 'hello?');",
    ),
    Case("a provider that nobody else uses", "UPDATE knowledge_bases SET llm_provider = 'gemini';", says="gemini"),
    Case(
        "shared addresses as long as they may be",
        "UPDATE knowledge_bases SET share_url = left(repeat(md5(id::text), 8), 255), description = '';",
    ),
    Case(
        "rows that were copied in with keys of their own",
        "CREATE TABLE import_users (LIKE users INCLUDING ALL);\nINSERT INTO import_users SELECT * FROM users;",
    ),
    Case("only some migrations are in force: 010 and 013", "SELECT 1;", forward=("010", "013"), alone=True),
    Case("only some migrations are in force: 012", "SELECT 1;", forward=("012",), alone=True),
    Case(
        "011 half applied, as it was shipped", "SELECT 1;", forward=("010", "011-as-shipped", "012", "013"), alone=True
    ),
    Case("011 stopped half way", "SELECT 1;", forward=("010", "011-stopped", "012"), alone=True),
]
