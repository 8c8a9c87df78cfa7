"""Labels that an object of the team's has as text: the object is named, once, as people call it."""

from collections.abc import Callable, Sequence

import pytest

from runbook.planning import obstacles
from tests.databases import ALL, AS_SHIPPED, Database
from tests.integration.planning.looking import Case, looked, transact

pytestmark = pytest.mark.pg("18")

# Text that PostgreSQL does not change along. Name: SQL, and the object as the plan calls it; empty: it is not named.
TEXTS: dict[str, tuple[str, str]] = {
    "view": ("CREATE VIEW crm.owners AS SELECT id FROM users WHERE role::text = 'kb_owner'", "View crm.owners"),
    "view, the enum": ("CREATE VIEW crm.owners AS SELECT id FROM users WHERE role = 'kb_owner'", ""),
    "view, an array": (
        "CREATE VIEW owners AS SELECT id FROM users WHERE role::text = ANY ('{super_admin,kb_owner}')",
        "View owners",
    ),
    "materialized view": (
        "CREATE MATERIALIZED VIEW crm.m AS SELECT count(*) FROM users WHERE role::text = 'kb_owner'",
        "Materialized view crm.m",
    ),
    "policy": ("CREATE POLICY p ON users USING (role::text = 'kb_owner')", "Policy p on users"),
    "rule": (
        "CREATE RULE r AS ON UPDATE TO subscriptions WHERE current_setting('app.role', true) = 'kb_owner' DO "
        "INSTEAD NOTHING",
        "Rule r on subscriptions",
    ),
    "trigger": (
        "CREATE TRIGGER t BEFORE UPDATE ON subscriptions FOR EACH ROW WHEN (current_setting('app.role', true) = "
        "'kb_owner') "
        "EXECUTE FUNCTION update_updated_at_column()",
        "Trigger t on subscriptions",
    ),
    "default": ("ALTER TABLE subscriptions ADD COLUMN r text DEFAULT 'kb_owner'", "Default of subscriptions.r"),
    "default, the enum": ("ALTER TABLE subscriptions ADD COLUMN r user_role DEFAULT 'kb_owner'", ""),
    "generated": (
        "ALTER TABLE subscriptions ADD COLUMN r text, ADD COLUMN o bool GENERATED ALWAYS AS (r = 'kb_owner') STORED",
        "Generated column subscriptions.o",
    ),
    "index": (
        "ALTER TABLE subscriptions ADD COLUMN r text; CREATE INDEX crm_i ON subscriptions (r) WHERE r = 'kb_owner'",
        "Index crm_i",
    ),
    "check": (
        "ALTER TABLE subscriptions ADD COLUMN r text, ADD CONSTRAINT k CHECK (r IN ('kb_owner', 'x'))",
        "Check k on subscriptions",
    ),
    "check that refuses what comes back": (
        "ALTER TABLE conversations ADD CONSTRAINT k CHECK (status::text IN ('active', 'closed'))",
        "check k on conversations refuses every row whose status is 'handed_over'",
    ),
    "check of a sender": (
        "ALTER TABLE messages ADD CONSTRAINT k CHECK (sender::text IN ('user', 'assistant'))",
        "check k on messages refuses every row whose sender is 'professional'",
    ),
    "function": (
        "CREATE FUNCTION crm.f() RETURNS bigint LANGUAGE sql AS "
        "$$SELECT count(*) FROM public.users WHERE role = 'kb_owner'$$",
        "Function crm.f()",
    ),
    "function with a body": (
        "CREATE FUNCTION crm.f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM users WHERE role "
        "= 'kb_owner'; END",
        "",
    ),
    "procedure": (
        "CREATE PROCEDURE crm.p(a int) LANGUAGE plpgsql AS $$BEGIN UPDATE knowledge_bases SET kb_id = 1; END$$",
        "Procedure crm.p(IN a integer) names kb_id, knowledge_bases in its text",
    ),
    "an index by a function": (
        "CREATE FUNCTION said(user_role) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1::text';"
        "CREATE INDEX crm_said ON users (said(role))",
        "Index crm_said was computed from user_role by a function",
    ),
    "a generated column by a function": (
        "CREATE FUNCTION said(user_role) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1::text';"
        "CREATE TABLE staff (r user_role, s text GENERATED ALWAYS AS (said(r)) STORED)",
        "Generated column staff.s was computed from user_role by a function",
    ),
    "a comment only": (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ /* knowledge_bases */ SELECT 1 -- kb_id\n $$",
        "",
    ),
    "a word, no literal": ("CREATE VIEW v AS SELECT role AS kb_owner FROM users", ""),
    "a domain": ("CREATE DOMAIN crm.d AS text CONSTRAINT k CHECK (VALUE <> 'kb_owner')", "Check k of domain crm.d"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_labels_in_text_are_named_once(new_database: Callable[..., Database], name: str) -> None:
    statement, object_ = TEXTS[name]
    with new_database(forward=ALL).connect() as conn:
        conn.execute("CREATE SCHEMA crm")
        conn.execute(statement.encode())
        found = looked(conn, Case(""))
        assert found.blockers == []
        assert [line.startswith(object_) for line in found.warnings] == ([True] if object_ else []), found.warnings
        assert "_RETURN" not in "".join(found.warnings)
        with conn.transaction(force_rollback=True):
            transact(conn, Case(""))


def test_views_in_the_way_have_the_names_that_people_know() -> None:
    assert obstacles.named("rule _RETURN on view crm.owners") == "view crm.owners"
    assert obstacles.named("rule _RETURN on materialized view x") == "materialized view x"
    assert obstacles.named("rule log on table users") == "rule log on table users"


@pytest.mark.parametrize(
    ("state", "bot", "said"),
    [
        (ALL, "twin", ["Check k on messages"]),
        (("010", AS_SHIPPED), "assistant", []),
    ],
)
def test_the_bots_label_as_text(
    new_database: Callable[..., Database],
    state: Sequence[str],
    bot: str,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROLLBACK_BOT_LABEL", bot)
    with new_database(forward=tuple(state)).connect() as conn:
        conn.execute(
            "ALTER TABLE messages ADD CONSTRAINT k CHECK (sender::text <> 'robot' OR sender::text = 'assistant')"
        )
        assert [line.partition(" has ")[0] for line in looked(conn, Case("")).warnings] == said
