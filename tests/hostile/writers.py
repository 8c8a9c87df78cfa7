"""What acts when somebody writes or changes the schema: triggers, rules, event triggers."""
# ruff: noqa: E501 - SQL reads best as it is typed.

from tests.hostile.case import Case

AUDIT = """
CREATE TABLE {name} (id bigserial PRIMARY KEY, tab text, op text, row_id uuid, at timestamptz DEFAULT now());
CREATE FUNCTION {name}_write() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN INSERT INTO public.{name} (tab, op, row_id) VALUES (TG_TABLE_NAME, TG_OP, coalesce(NEW.id, OLD.id)); RETURN NULL; END$$;
"""
RAISES = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'nobody changes this'; END$$;
"""
EVENT = """
CREATE FUNCTION {name}() RETURNS event_trigger LANGUAGE plpgsql AS
$$BEGIN {body} END$$;
"""


def audit(name: str) -> str:
    """Return a table for an audit and the function that fills it."""
    return AUDIT.replace("{name}", name)


def raises(name: str) -> str:
    """Return a trigger function that forbids."""
    return RAISES.replace("{name}", name)


def event(name: str, body: str) -> str:
    """Return the function of an event trigger."""
    return EVENT.replace("{name}", name).replace("{body}", body)


TRIGGERS = [
    Case(
        "an audit trigger on users",
        audit("audit_log")
        + "CREATE TRIGGER audit_users AFTER INSERT OR UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION audit_log_write();",
        says="audit_users.*audit_log|audit_log.*audit_users",
        after=("SELECT count(*) = 5 FROM audit_log",),
    ),
    Case(
        "an audit trigger on users, and they are deleted",
        audit("audit_gone")
        + "CREATE TRIGGER audit_gone AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION audit_gone_write();\n"
        "UPDATE benchmark_results SET evaluated_by = NULL;",
        request={"oauth": "delete"},
        says="audit_gone",
        after=("SELECT count(*) = 5 FROM audit_gone",),
    ),
    Case(
        "an audit trigger on messages, which go with their owners",
        "CREATE SCHEMA IF NOT EXISTS audit;\n"
        + audit("audit_messages")
        .replace("public.audit_messages", "audit.messages")
        .replace("TABLE audit_messages", "TABLE audit.messages")
        + "CREATE TRIGGER audit_them AFTER DELETE ON messages FOR EACH ROW EXECUTE FUNCTION audit_messages_write();\n"
        "UPDATE benchmark_results SET evaluated_by = NULL;",
        request={"oauth": "delete"},
        says="audit_them",
        after=("SELECT count(*) > 0 FROM audit.messages",),
    ),
    Case(
        "an audit by statement, with transition tables",
        """
CREATE TABLE audit_statements (at timestamptz DEFAULT now(), rows bigint);
CREATE FUNCTION audit_statement() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN INSERT INTO public.audit_statements (rows) SELECT count(*) FROM changed; RETURN NULL; END$$;
CREATE TRIGGER audit_statement AFTER UPDATE ON users REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION audit_statement();""",
        says="audit_statement",
    ),
    Case(
        "an audit of whole rows as JSON, always on",
        """
CREATE TABLE history (was jsonb, is_now jsonb);
CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN INSERT INTO public.history VALUES (to_jsonb(OLD), to_jsonb(NEW)); RETURN NEW; END$$;
CREATE TRIGGER keep_history BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION keep_history();
ALTER TABLE users ENABLE ALWAYS TRIGGER keep_history;""",
        says="keep_history",
    ),
    Case(
        "a trigger that notes when the password was changed",
        """
ALTER TABLE users ADD COLUMN password_changed_at timestamptz;
CREATE FUNCTION note_password() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN NEW.password_changed_at := now(); RETURN NEW; END$$;
CREATE TRIGGER note_password BEFORE UPDATE OF password_hash ON users FOR EACH ROW EXECUTE FUNCTION note_password();""",
        says="note_password",
    ),
    Case(
        "a trigger that forbids to change users",
        raises("frozen") + "CREATE TRIGGER frozen BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION frozen();",
        "blocked",
        says="frozen",
    ),
    Case(
        "a trigger that forbids to change users, and they are kept",
        raises("frozen_too")
        + "CREATE TRIGGER frozen_too BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION frozen_too();",
        request={"oauth": "keep"},
    ),
    Case(
        "a trigger that forbids to delete users",
        raises("undying") + "CREATE TRIGGER undying BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION undying();\n"
        "UPDATE benchmark_results SET evaluated_by = NULL;",
        "blocked",
        request={"oauth": "delete"},
        says="undying",
    ),
    Case(
        "a trigger that forbids to delete messages, by statement",
        raises("kept_by_law")
        + "CREATE TRIGGER kept_by_law BEFORE DELETE ON messages FOR EACH STATEMENT EXECUTE FUNCTION kept_by_law();\n"
        "UPDATE benchmark_results SET evaluated_by = NULL;",
        "blocked",
        request={"oauth": "delete"},
        says="kept_by_law",
    ),
    Case(
        "a trigger that takes bcrypt hashes only",
        """
CREATE FUNCTION only_bcrypt() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN IF NEW.password_hash !~ '^\\$2[aby]\\$\\d\\d\\$.{53}$' THEN RAISE EXCEPTION 'no bcrypt'; END IF; RETURN NEW; END$$;
CREATE TRIGGER only_bcrypt BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION only_bcrypt();""",
        "blocked",
        says="only_bcrypt",
    ),
    Case(
        "a trigger that leaves users without a password alone",
        """
CREATE FUNCTION ignore_change() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN IF OLD.password_hash IS NULL THEN RETURN NULL; END IF; RETURN NEW; END$$;
CREATE TRIGGER ignore_change BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION ignore_change();""",
        "blocked",
        says="ignore_change",
    ),
    Case(
        "a deferred constraint trigger that forbids",
        raises("at_the_end")
        + "CREATE CONSTRAINT TRIGGER at_the_end AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED\n"
        "FOR EACH ROW EXECUTE FUNCTION at_the_end();",
        "blocked",
        alone=True,  # others change rows when they are added
        says="at_the_end",
    ),
    Case(
        "a disabled trigger that would forbid",
        raises("switched_off")
        + "CREATE TRIGGER switched_off BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION switched_off();\n"
        "ALTER TABLE users DISABLE TRIGGER switched_off;",
    ),
    Case(
        "a trigger of replicas that would forbid",
        raises("on_replicas")
        + "CREATE TRIGGER on_replicas BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION on_replicas();\n"
        "ALTER TABLE users ENABLE REPLICA TRIGGER on_replicas;",
    ),
    Case(
        "a trigger whose condition has a label as text",
        raises("owners_only") + "CREATE TRIGGER owners_only BEFORE UPDATE OF full_name ON users FOR EACH ROW\n"
        "WHEN (OLD.role::text = 'kb_owner' AND false) EXECUTE FUNCTION owners_only();",
        says="owners_only",
    ),
    Case(
        "a trigger whose condition has a label of the type",
        raises("owners_typed") + "CREATE TRIGGER owners_typed BEFORE UPDATE OF full_name ON users FOR EACH ROW\n"
        "WHEN (OLD.role = 'kb_owner') EXECUTE FUNCTION owners_typed();",
    ),
    Case(
        "a trigger function that reads a dropped column",
        """
CREATE FUNCTION picture() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN NEW.full_name := coalesce(nullif(NEW.full_name, NEW.avatar_url), NEW.full_name); RETURN NEW; END$$;
CREATE TRIGGER picture BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION picture();""",
        says="picture",
    ),
    Case(
        "a trigger on a change of a dropped column",
        "CREATE TRIGGER x_described BEFORE UPDATE OF description ON knowledge_bases FOR EACH ROW\n"
        "EXECUTE FUNCTION update_updated_at_column();",
        "blocked",
        says="x_described",
        loses="x_described",
    ),
    Case(
        "a trigger on knowledge bases that counts",
        audit("kb_changes")
        + "CREATE TRIGGER kb_changes AFTER UPDATE ON knowledge_bases FOR EACH ROW EXECUTE FUNCTION kb_changes_write();",
        after=("SELECT count(*) = 0 FROM kb_changes",),
    ),
]

RULES = [
    Case(
        "a rule that also logs changes of users",
        "CREATE TABLE rule_log (id uuid);\n"
        "CREATE RULE log_change AS ON UPDATE TO users DO ALSO INSERT INTO rule_log VALUES (NEW.id);",
        says="log_change",
    ),
    Case(
        "a rule that turns changes of users into nothing",
        "CREATE RULE no_change AS ON UPDATE TO users DO INSTEAD NOTHING;",
        "blocked",
        says="no_change",
    ),
    Case(
        "a rule that turns deletions of users into nothing",
        "CREATE RULE no_deletion AS ON DELETE TO users DO INSTEAD NOTHING;\nUPDATE benchmark_results SET evaluated_by = NULL;",
        "blocked",
        request={"oauth": "delete"},
        says="no_deletion",
    ),
    Case(
        "a rule with a label as text",
        "CREATE TABLE rule_owners (id uuid);\n"
        "CREATE RULE new_owner AS ON INSERT TO users WHERE NEW.role::text = 'kb_owner' DO ALSO INSERT INTO rule_owners VALUES (NEW.id);",
        says="new_owner",
    ),
    Case(
        "a rule that reads a dropped column",
        "CREATE TABLE rule_urls (url text);\n"
        "CREATE RULE new_url AS ON INSERT TO knowledge_bases DO ALSO INSERT INTO rule_urls VALUES (NEW.share_url);",
        "blocked",
        says="new_url",
    ),
]

EVENTS = [
    Case(
        "a log of all DDL",
        "CREATE TABLE ddl_log (at timestamptz DEFAULT now(), tag text, obj text);\n"
        + event(
            "log_ddl",
            "INSERT INTO public.ddl_log (tag, obj) SELECT command_tag, object_identity FROM pg_event_trigger_ddl_commands();",
        )
        + "CREATE EVENT TRIGGER team_log ON ddl_command_end EXECUTE FUNCTION log_ddl();",
        says="team_log",
    ),
    Case(
        "a log of all that is dropped",
        "CREATE TABLE drop_log (obj text);\n"
        + event(
            "log_drop", "INSERT INTO public.drop_log SELECT object_identity FROM pg_event_trigger_dropped_objects();"
        )
        + "CREATE EVENT TRIGGER drop_log ON sql_drop EXECUTE FUNCTION log_drop();",
        says="drop_log",
    ),
    Case(
        "an event trigger that forbids to drop columns",
        event(
            "no_drop",
            "IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE object_type = 'table column') THEN "
            "RAISE EXCEPTION 'columns stay'; END IF;",
        )
        + "CREATE EVENT TRIGGER no_drop ON sql_drop EXECUTE FUNCTION no_drop();",
        "blocked",
        says="no_drop",
    ),
    Case(
        "an event trigger that forbids ALTER TABLE",
        event("no_alter", "RAISE EXCEPTION 'ask the DBA';")
        + "CREATE EVENT TRIGGER no_alter ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION no_alter();",
        "blocked",
        says="no_alter",
        alone=True,
    ),
    Case(
        "an event trigger that forbids all DDL but one role's",
        event("only_dba", "IF session_user <> 'dba' THEN RAISE EXCEPTION 'ask the DBA'; END IF;")
        + "CREATE EVENT TRIGGER only_dba ON ddl_command_start EXECUTE FUNCTION only_dba();",
        "blocked",
        says="only_dba",
        alone=True,
    ),
    Case(
        "an event trigger that forbids to rewrite tables",
        event("no_rewrite", "RAISE EXCEPTION 'not by day';")
        + "CREATE EVENT TRIGGER no_rewrite ON table_rewrite EXECUTE FUNCTION no_rewrite();",
        alone=True,  # others rewrite theirs when they are added
    ),
    Case(
        "an event trigger that forbids to rewrite tables, and gemini is removed",
        event("no_rewriting", "RAISE EXCEPTION 'not by day';")
        + "CREATE EVENT TRIGGER no_rewriting ON table_rewrite EXECUTE FUNCTION no_rewriting();",
        "blocked",
        request={"gemini": "remove"},
        says="no_rewriting",
        alone=True,
    ),
    Case(
        "a disabled event trigger that would forbid",
        event("off_now", "RAISE EXCEPTION 'off';")
        + "CREATE EVENT TRIGGER off_now ON ddl_command_start EXECUTE FUNCTION off_now();\nALTER EVENT TRIGGER off_now DISABLE;",
    ),
    Case(
        "a log of all logins",
        "CREATE TABLE login_log (who text);\n"
        + event("log_login", "INSERT INTO public.login_log VALUES (session_user);")
        + "CREATE EVENT TRIGGER log_login ON login EXECUTE FUNCTION log_login();\n"
        "ALTER EVENT TRIGGER log_login ENABLE ALWAYS;",
        says="log_login",
        alone=True,
    ),
]

CASES = [*TRIGGERS, *RULES, *EVENTS]
