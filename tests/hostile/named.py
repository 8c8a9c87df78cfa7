"""What is called as something else is, or strangely."""
# ruff: noqa: E501 - SQL reads best as it is typed.

from tests.hostile.case import Case

CASES = [
    Case(
        "names with spaces, capitals, quotes and percent signs",
        'CREATE SCHEMA "My Schema";\nCREATE TABLE "My Schema"."Über ""Tabelle"" 100%" ("Id" int PRIMARY KEY, "kb_id" uuid REFERENCES public.knowledge_bases ON DELETE CASCADE);\n'
        'INSERT INTO "My Schema"."Über ""Tabelle"" 100%" SELECT row_number() OVER (), id FROM public.knowledge_bases;\n'
        'CREATE VIEW "My Schema"."select" AS SELECT * FROM "My Schema"."Über ""Tabelle"" 100%";\n'
        'CREATE TABLE public."Users" (id int);\nCREATE INDEX "Index % {}" ON users (email, is_active);',
    ),
    Case(
        "strange names, and users are deleted",
        'CREATE SCHEMA "Odd Schema";\nCREATE TABLE "Odd Schema"."50% ""off""" ("Who?" uuid REFERENCES public.users ON DELETE CASCADE);\n'
        'INSERT INTO "Odd Schema"."50% ""off""" SELECT id FROM public.users;\nUPDATE benchmark_results SET evaluated_by = NULL;',
        request={"oauth": "delete"},
        says="50%",
    ),
    Case(
        "tables of the same names in another schema",
        "CREATE SCHEMA other;\nCREATE TABLE other.users (id uuid, password_hash text, oauth_id text, avatar_url text, role text);\n"
        "INSERT INTO other.users (id) VALUES (NULL);\nCREATE TABLE other.knowledge_bases (id uuid, share_url text);\n"
        "CREATE TABLE other.digital_twins (id uuid);\nCREATE TABLE other.conversations (kb_id uuid, twin_id uuid);\n"
        "CREATE TABLE other.handover_notifications (id int);\nCREATE INDEX idx_users_oauth ON other.users (oauth_id);",
    ),
    Case(
        "types of the same names in another schema",
        "CREATE SCHEMA typed;\nCREATE TYPE typed.user_role AS ENUM ('kb_owner', 'x');\nCREATE TYPE typed.llm_provider AS ENUM ('gemini');\n"
        "CREATE TABLE typed.roles (role typed.user_role);\nINSERT INTO typed.roles VALUES ('kb_owner');",
    ),
    Case(
        "functions of the same names in another schema",
        "CREATE SCHEMA funcs;\nCREATE FUNCTION funcs.update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;\n"
        "CREATE TABLE funcs.t (id int);\nCREATE TRIGGER update_users_updated_at BEFORE UPDATE ON funcs.t FOR EACH ROW "
        "EXECUTE FUNCTION funcs.update_updated_at_column();",
    ),
    Case(
        "a view with the old name, for old programs",
        "CREATE VIEW digital_twins AS SELECT id, name FROM knowledge_bases;",
        "blocked",
        says="digital_twins",
    ),
    Case("a table with the old name", "CREATE TABLE digital_twins (id uuid);", "blocked", says="digital_twins"),
    Case("a type with the old name", "CREATE TYPE digital_twins AS (id uuid);", "blocked", says="digital_twins"),
    Case("a sequence with the old name", "CREATE SEQUENCE digital_twins;", "blocked", says="digital_twins"),
    Case(
        "an index with the name of an old one, on something else",
        "CREATE INDEX idx_digital_twins_user_id ON messages (created_at);",
        "blocked",
        says="idx_digital_twins_user_id",
    ),
    Case(
        "a table with the name of an old index",
        "CREATE TABLE idx_conversations_twin_id (id int);",
        "blocked",
        says="idx_conversations_twin_id",
    ),
    Case(
        "a trigger with the old one's name",
        "CREATE TRIGGER update_digital_twins_updated_at BEFORE INSERT ON knowledge_bases FOR EACH ROW "
        "EXECUTE FUNCTION update_updated_at_column();",
        "blocked",
        says="update_digital_twins_updated_at",
    ),
    Case(
        "notifications of the team's, with rows",
        "CREATE TABLE handover_notifications (id int);\nINSERT INTO handover_notifications VALUES (1);",
        "blocked",
        says="handover_notifications",
    ),
    Case(
        "notifications of the team's, empty",
        "CREATE TABLE handover_notifications (id int, note text);",
        says="handover_notifications",
    ),
    Case(
        "a view of notifications",
        "CREATE VIEW handover_notifications AS SELECT 1 AS id;",
        "blocked",
        says="handover_notifications",
    ),
    Case(
        "a type of notifications",
        "CREATE TYPE handover_notifications AS ENUM ('x');",
        "blocked",
        says="handover_notifications",
    ),
    Case(
        "a constraint's name for the notifications is taken",
        "CREATE TABLE handover_old (id int CONSTRAINT handover_notifications_pkey PRIMARY KEY);",
        "blocked",
        says="handover_notifications_pkey",
    ),
    Case(
        "a schema rollback of the team's",
        "CREATE SCHEMA rollback;\nCREATE TABLE rollback.notes (id int);\nINSERT INTO rollback.notes VALUES (1);",
        after=("SELECT count(*) = 1 FROM rollback.notes",),
    ),
    Case(
        "a schema rollback with a table of the journal's name",
        "CREATE SCHEMA rollback;\nCREATE TABLE rollback.run (id int);",
        "blocked",
        says=r"rollback\.run",
    ),
    Case(
        "an archive of an earlier rollback",
        "CREATE SCHEMA rollback;\nCREATE TABLE rollback.archived_users (archived_at timestamptz NOT NULL DEFAULT now(), id uuid NOT NULL, "
        "oauth_provider text, oauth_id text, avatar_url text);\nINSERT INTO rollback.archived_users (id) SELECT id FROM users LIMIT 1;",
        after=("SELECT count(*) > 1 FROM rollback.archived_users",),
    ),
    Case(
        "an archive of the team's with other columns",
        "CREATE SCHEMA rollback;\nCREATE TABLE rollback.archived_users (who int);",
        "blocked",
        says="archived_users",
    ),
    Case(
        "a leftover type of a migration",
        "CREATE TYPE user_role_new AS ENUM ('a');\nCREATE TYPE conversation_status_new AS ENUM ('a');",
        says="user_role_new",
    ),
    Case(
        "a leftover type of a migration that is used",
        "CREATE TYPE user_role_old AS ENUM ('a');\nCREATE TABLE former_roles (r user_role_old);",
        "blocked",
        says="user_role_old",
    ),
    Case(
        "tables for tests and copies",
        "CREATE TABLE knowledge_bases_backup AS SELECT * FROM knowledge_bases;\n"
        "CREATE TABLE users_20251101 AS SELECT * FROM users;\nCREATE TABLE kb_id (kb_id uuid);\nINSERT INTO kb_id SELECT id FROM knowledge_bases;",
    ),
]
