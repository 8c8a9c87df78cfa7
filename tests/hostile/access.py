"""Who may do what: row level security, grants, owners, roles."""
# ruff: noqa: E501 - SQL reads best as it is typed.

from tests.hostile.case import Case

ROLES = """
CREATE ROLE hostile_owner;
CREATE ROLE hostile_runner LOGIN CREATEDB IN ROLE hostile_owner;
"""
OWNED = """
DO $$
DECLARE item record;
BEGIN
    FOR item IN
        SELECT 'TABLE' AS what, c.oid::regclass::text AS name FROM pg_class AS c
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
        UNION ALL
        SELECT 'TYPE', oid::regtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
        UNION ALL
        SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc AS p WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO hostile_owner', item.what, item.name);
    END LOOP;
    IF to_regnamespace('extensions') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA extensions TO hostile_owner;
    END IF;
    EXECUTE format('ALTER DATABASE %I OWNER TO hostile_runner', current_database());
END $$;
GRANT ALL ON SCHEMA public TO hostile_owner;
"""
GONE = "DROP ROLE hostile_runner;\nDROP ROLE hostile_owner;"
RUNNER = ROLES + OWNED
EVERYTHING = "."
"""All objects have another owner than in the baseline."""

CASES = [
    Case(
        "row level security on users",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY;\nCREATE POLICY own_row ON users USING (email = current_user);",
    ),
    Case(
        "row level security that is forced, and policies of all kinds",
        "ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;\nALTER TABLE conversations FORCE ROW LEVEL SECURITY;\n"
        "CREATE POLICY of_base ON conversations USING (kb_id = nullif(current_setting('app.kb', true), '')::uuid);\n"
        "CREATE POLICY no_closed ON conversations AS RESTRICTIVE FOR UPDATE USING (status = 'active') WITH CHECK (status <> 'closed');",
    ),
    Case(
        "a policy with a label of the type",
        "CREATE POLICY for_owners ON users USING (role = 'kb_owner');",
    ),
    Case(
        "a policy with a label as text",
        "CREATE POLICY text_owners ON users USING (role::text = 'kb_owner');",
        says="text_owners",
    ),
    Case(
        "a policy of another table with a label as text",
        "CREATE TABLE desk (id int PRIMARY KEY);\n"
        "CREATE POLICY owners_desk ON desk USING (current_setting('app.role', true) = 'kb_owner');",
        says="owners_desk",
    ),
    Case(
        "a policy on a dropped column",
        "CREATE POLICY shared ON knowledge_bases USING (is_public);",
        "blocked",
        says="policy shared|shared on",
    ),
    Case(
        "grants on tables and columns, with grant option",
        "GRANT SELECT ON conversations, messages, knowledge_bases TO pg_monitor WITH GRANT OPTION;\n"
        "GRANT UPDATE (name), SELECT (kb_id) ON conversations TO pg_monitor;",
        versions=(),
    ),
    Case(
        "grants on tables, columns, types and functions",
        "GRANT SELECT ON conversations, messages, knowledge_bases TO pg_monitor WITH GRANT OPTION;\n"
        "GRANT UPDATE (name), SELECT (id) ON knowledge_bases TO pg_read_all_stats;\n"
        "GRANT SELECT (kb_id) ON conversations TO PUBLIC;\n"
        "REVOKE USAGE ON TYPE user_role FROM PUBLIC;\nGRANT USAGE ON TYPE user_role TO pg_monitor;\n"
        "REVOKE EXECUTE ON FUNCTION update_email_count() FROM PUBLIC;",
    ),
    Case(
        "grants on dropped columns",
        "GRANT SELECT (avatar_url), UPDATE (oauth_id) ON users TO pg_monitor;",
        says="avatar_url.*pg_monitor|pg_monitor.*avatar_url|avatar_url",
        loses="pg_monitor",
    ),
    Case(
        "default privileges",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor;\n"
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO PUBLIC;\n"
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;",
        alone=True,  # what others make afterwards gets them
    ),
    Case(
        "grants on the database, and a comment",
        "REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC;\nGRANT CONNECT ON DATABASE {database} TO pg_monitor;\n"
        "COMMENT ON DATABASE {database} IS 'production, be careful';",
    ),
    Case("a limit of connections on the database", "ALTER DATABASE {database} CONNECTION LIMIT 2;"),
    Case(
        "another role's tables",
        "CREATE ROLE hostile_app;\nALTER TABLE messages OWNER TO hostile_app;\nALTER TYPE message_sender OWNER TO hostile_app;\n"
        "CREATE SCHEMA app AUTHORIZATION hostile_app;\nCREATE TABLE app.things (kb uuid REFERENCES public.knowledge_bases);\n"
        "ALTER TABLE app.things OWNER TO hostile_app;",
        drift=r"public\.(messages(_pkey)?|idx_messages_conversation_id|message_sender)$",
        undo_after="DROP ROLE hostile_app;",
        alone=True,
    ),
    Case(
        "a schema that a role cannot look into, for a superuser",
        "CREATE SCHEMA secret;\nREVOKE ALL ON SCHEMA secret FROM PUBLIC;\nCREATE TABLE secret.keys (kb uuid REFERENCES public.knowledge_bases);",
    ),
    Case(
        "a function that runs as its owner",
        "CREATE FUNCTION as_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public\n"
        "BEGIN ATOMIC SELECT count(*) FROM public.conversations WHERE kb_id IS NOT NULL; END;",
    ),
    Case(
        "a runner that is no superuser and acts for the owner",
        RUNNER,
        role="hostile_runner",
        drift=EVERYTHING,
        undo_after=GONE,
        alone=True,
        versions=("15", "18"),
    ),
    Case(
        "a runner that is no superuser, and row level security that is forced",
        RUNNER + "ALTER TABLE users ENABLE ROW LEVEL SECURITY;\nALTER TABLE users FORCE ROW LEVEL SECURITY;\n"
        "CREATE POLICY some_users ON users USING (password_hash IS NOT NULL);",
        "blocked",
        says="(?i)row.level security|row security|policy",
        role="hostile_runner",
        drift=EVERYTHING,
        undo_after=GONE,
        alone=True,
    ),
    Case(
        "a runner that is no superuser, and row level security of the owner's",
        RUNNER + "ALTER TABLE users ENABLE ROW LEVEL SECURITY;\nCREATE POLICY no_users ON users USING (false);",
        role="hostile_runner",
        drift=EVERYTHING,
        undo_after=GONE,
        alone=True,
    ),
    Case(
        "a runner that is no superuser, and a superuser's table",
        RUNNER + "CREATE TABLE only_dba (kb uuid REFERENCES knowledge_bases);",
        "blocked",
        says="only_dba",
        role="hostile_runner",
        drift=EVERYTHING,
        undo_after=GONE,
        alone=True,
        beside=True,
    ),
    Case(
        "a runner that is no superuser, and a superuser's event trigger",
        RUNNER + "CREATE TABLE dba_log (tag text);\nGRANT SELECT ON dba_log TO hostile_owner;\n"
        "CREATE FUNCTION dba_log() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.dba_log VALUES (tg_tag); END$$;\n"
        "CREATE EVENT TRIGGER dba_log ON ddl_command_end EXECUTE FUNCTION dba_log();",
        "blocked",
        says="dba_log",
        role="hostile_runner",
        drift=EVERYTHING,
        undo_after=GONE,
        alone=True,
    ),
    Case(
        "a runner that is no superuser, and may not make databases",
        RUNNER + "ALTER ROLE hostile_runner NOCREATEDB;",
        role="hostile_runner",
        drift=EVERYTHING,
        undo_after=GONE,
        alone=True,
    ),
    Case(
        "a runner with a limit of three connections",
        RUNNER + "ALTER ROLE hostile_runner CONNECTION LIMIT 3;",
        "blocked",
        says="(?i)connection",
        role="hostile_runner",
        drift=EVERYTHING,
        undo_after=GONE,
        alone=True,
        beside=True,
    ),
]
CASES = [case for case in CASES if case.versions]
