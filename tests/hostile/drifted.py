"""Where the team changed what the baseline declares."""
# ruff: noqa: E501 - SQL reads best as it is typed.

from tests.hostile.case import Case

AROUND_VIEWS = """
DO $$
DECLARE
    said text := pg_get_viewdef('llm_user_costs'::regclass);
    remark text := obj_description('llm_user_costs'::regclass);
BEGIN
    DROP VIEW llm_user_costs;
    {statement}
    EXECUTE 'CREATE VIEW llm_user_costs AS ' || said;
    EXECUTE format('COMMENT ON VIEW llm_user_costs IS %L', remark);
END $$;
"""
MORE = """
DO $$BEGIN EXECUTE format('CREATE OR REPLACE VIEW llm_cost_analytics AS SELECT v.*, 1 AS more FROM (%s) AS v',
                          rtrim(pg_get_viewdef('llm_cost_analytics'::regclass), ';')); END$$;
"""


EMAIL = r"column public\.(users\.email|llm_user_costs\.user_email)|index public\.\w*users_email"


def retyped(column: str, kind: str) -> str:
    """Return what gives a column of users another type although a view reads it."""
    return AROUND_VIEWS.replace("{statement}", f"ALTER TABLE users ALTER COLUMN {column} TYPE {kind};")


CASES = [
    Case(
        "an index of users that no script makes is gone",
        "DROP INDEX idx_users_email;",
        says="idx_users_email",
        drift="idx_users_email",
    ),
    Case(
        "an index that the scripts make anew is gone",
        "DROP INDEX idx_conversations_kb_id;",
        after=("SELECT to_regclass('idx_conversations_twin_id') IS NOT NULL",),
    ),
    Case(
        "an index of a table that no migration touches is gone",
        "DROP INDEX idx_messages_conversation_id;",
        says="idx_messages_conversation_id",
        drift="idx_messages_conversation_id",
    ),
    Case(
        "the unique constraint on the owner is gone",
        "ALTER TABLE knowledge_bases DROP CONSTRAINT digital_twins_user_id_key;",
        "blocked",
        says="digital_twins_user_id_key",
    ),
    Case(
        "the trigger on users is gone",
        "DROP TRIGGER update_users_updated_at ON users;",
        says="update_users_updated_at",
        drift="update_users_updated_at",
    ),
    Case(
        "the trigger on users is off",
        "ALTER TABLE users DISABLE TRIGGER update_users_updated_at;",
        says="update_users_updated_at",
        drift="update_users_updated_at",
    ),
    Case(
        "the trigger on knowledge bases is gone",
        "DROP TRIGGER update_knowledge_bases_updated_at ON knowledge_bases;",
        "blocked",
        says="update_(digital_twins|knowledge_bases)_updated_at",
    ),
    Case(
        "the trigger on knowledge bases has the team's name",
        "ALTER TRIGGER update_knowledge_bases_updated_at ON knowledge_bases RENAME TO touch;",
        "blocked",
        alone=True,  # another case adds one of that name
        says="touch|updated_at",
    ),
    Case(
        "a trigger of a table that no migration touches is off",
        "ALTER TABLE web_sources DISABLE TRIGGER ALL;",
        "blocked",
        says="web_sources",
    ),
    Case("e-mail addresses are text", retyped("email", "text"), says=r"users\.email", drift=EMAIL),
    Case(
        "e-mail addresses are longer",
        retyped("email", "varchar(320)"),
        says=r"users\.email",
        drift=EMAIL,
    ),
    Case(
        "full names are shorter",
        "ALTER TABLE users ALTER COLUMN full_name TYPE varchar(200);",
        says=r"users\.full_name",
        drift=r"column public\.users\.full_name",
    ),
    Case(
        "a column of a table that no migration touches has another type",
        "ALTER TABLE messages ALTER COLUMN metadata TYPE json;",
        says=r"messages\.metadata",
        drift=r"column public\.messages\.metadata",
    ),
    Case(
        "a default where no migration comes",
        "ALTER TABLE end_users ALTER COLUMN metadata SET DEFAULT '{}';",
        says=r"end_users",
        drift=r"column public\.end_users\.metadata",
    ),
    Case(
        "a default is another",
        "ALTER TABLE conversations ALTER COLUMN status SET DEFAULT 'closed';",
        says=r"conversations\.status",
    ),
    Case("the role's default is gone", "ALTER TABLE users ALTER COLUMN role DROP DEFAULT;"),
    Case(
        "a foreign key is gone",
        "ALTER TABLE messages DROP CONSTRAINT messages_conversation_id_fkey;",
        says="messages_conversation_id_fkey",
        drift="messages_conversation_id_fkey",
    ),
    Case(
        "a foreign key of a renamed column is gone",
        "ALTER TABLE conversations DROP CONSTRAINT conversations_twin_id_fkey;",
        "blocked",
        says="conversations_twin_id_fkey",
    ),
    Case(
        "a foreign key deletes no more",
        "ALTER TABLE messages DROP CONSTRAINT messages_conversation_id_fkey, "
        "ADD CONSTRAINT messages_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES conversations;",
        says="messages_conversation_id_fkey",
        drift="messages_conversation_id_fkey",
    ),
    Case(
        "constraints were tidied up after the transformation",
        "ALTER TABLE knowledge_bases RENAME CONSTRAINT digital_twins_pkey TO knowledge_bases_pkey;\n"
        "ALTER TABLE knowledge_bases RENAME CONSTRAINT digital_twins_user_id_key TO knowledge_bases_user_id_key;\n"
        "ALTER TABLE conversations RENAME CONSTRAINT conversations_twin_id_fkey TO conversations_kb_id_fkey;",
    ),
    Case(
        "a constraint has the team's name",
        "ALTER TABLE users RENAME CONSTRAINT users_email_key TO one_mail;",
        says="users_email_key",
        drift="users_email_key",
    ),
    Case(
        "an index has the team's name",
        "ALTER INDEX idx_knowledge_base_kb_id RENAME TO ix_kb;",
        says="idx_knowledge_base_twin_id|ix_kb",
    ),
    Case(
        "an index of users has the team's name",
        "ALTER INDEX idx_users_role RENAME TO ix_role;",
        says="idx_users_role",
        drift="idx_users_role",
    ),
    Case("a table of the nine is gone", "DROP TABLE benchmark_ab_tests;", "blocked", says="benchmark_ab_tests"),
    Case(
        "a table that no migration touches is gone",
        "DROP TABLE vector_store;",
        says="vector_store",
        drift="vector_store",
    ),
    Case(
        "a view of the baseline is gone",
        "DROP VIEW llm_user_costs;",
        "blocked",
        says="llm_user_costs",
        drift="llm_user_costs",
    ),
    Case(
        "a view of the baseline has one more column",
        MORE,
        says="llm_cost_analytics",
        drift=r"view public\.llm_cost_analytics",
    ),
    Case(
        "dropped columns that the team added again",
        "ALTER TABLE knowledge_bases ADD COLUMN bio text, ADD COLUMN personality_traits jsonb;\n"
        "UPDATE knowledge_bases SET bio = 'kept', personality_traits = '{\"kind\": true}';",
        after=("SELECT bool_and(bio = 'kept') FROM digital_twins",),
    ),
    Case(
        "a dropped column that the team added again with another type",
        "ALTER TABLE knowledge_bases ADD COLUMN profession int DEFAULT 7, ADD COLUMN services text;",
        says="profession|services",
    ),
    Case(
        "a column of 011's that the team added again",
        "ALTER TABLE conversations ADD COLUMN handed_over_at timestamptz DEFAULT now();",
        "blocked",
        says="handed_over_at",
    ),
    Case(
        "kb_id and twin_id side by side",
        "ALTER TABLE conversations ADD COLUMN twin_id uuid;",
        "blocked",
        says="twin_id",
    ),
    Case(
        "columns of the team's own",
        "ALTER TABLE users ADD COLUMN locale text DEFAULT 'en', ADD COLUMN \"Weird Name%\" int;\n"
        "ALTER TABLE knowledge_bases ADD COLUMN team_id uuid DEFAULT gen_random_uuid();\nALTER TABLE messages ADD COLUMN tokens int NOT NULL DEFAULT 0;",
    ),
    Case(
        "pictures are text, and addresses too",
        "ALTER TABLE users ALTER COLUMN avatar_url TYPE text;\nALTER TABLE knowledge_bases ALTER COLUMN share_url TYPE text;",
    ),
    Case(
        "passwords are wider",
        "ALTER TABLE users ALTER COLUMN password_hash TYPE varchar(500);",
        "blocked",
        says=r"password_hash of table users",
    ),
    Case(
        "passwords are narrower",
        "ALTER TABLE users ALTER COLUMN password_hash TYPE varchar(72);",
        "blocked",
        says=r"password_hash of table users",
    ),
    Case(
        "passwords are mandatory again, with nobody without",
        "UPDATE users SET password_hash = 'x' WHERE password_hash IS NULL;\nALTER TABLE users ALTER COLUMN password_hash SET NOT NULL;",
    ),
]
