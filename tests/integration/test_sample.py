"""The demo's database is what it says: the whole baseline, rows everywhere, and every state real databases are in."""

from collections.abc import Callable
from itertools import combinations

import pytest

from runbook import sample
from tests.databases import ALL, AS_SHIPPED, STOPPED, Database

SUBSETS = [subset for size in range(len(ALL) + 1) for subset in combinations(ALL, size)]
NewDatabase = Callable[..., Database]

TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
VIEWS = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' ORDER BY 1"
FUNCTIONS = """
    SELECT proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
    ORDER BY 1"""
TRIGGERS = "SELECT tgrelid::regclass || '.' || tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
ENUMS = """
    SELECT typname || ': ' || string_agg(enumlabel, ', ' ORDER BY enumsortorder)
    FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid GROUP BY t.oid, typname ORDER BY t.oid"""
COMMENTS = """
    SELECT concat_ws('.', objoid::regclass, attname) FROM pg_description d
    JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
    LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1"""
CONSTRAINTS = "SELECT conname FROM pg_constraint WHERE conname LIKE '%twin%' AND contype <> 'n' ORDER BY 1"
HOLDERS = """
    SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE attname = '{}' AND relkind = 'r' AND NOT attisdropped ORDER BY 1"""
UPDATED = [
    "benchmark_datasets",
    "benchmark_questions",
    "benchmark_runs",
    "conversations",
    "digital_twins",
    "document_processing_jobs",
    "email_credentials",
    "email_knowledge",
    "end_users",
    "knowledge_base",
    "subscriptions",
    "users",
    "vector_store",
    "web_scrape_runs",
    "web_sources",
]
NINE = [
    "analytics_events",
    "benchmark_ab_tests",
    "benchmark_datasets",
    "benchmark_runs",
    "conversations",
    "document_processing_jobs",
    "knowledge_base",
    "llm_usage",
    "web_sources",
]


def labels(database: Database, enum: str) -> list[str]:
    return database.column(f"SELECT enumlabel FROM pg_enum WHERE enumtypid = '{enum}'::regtype ORDER BY enumsortorder")


def columns(database: Database, table: str) -> set[str]:
    query = f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped"
    return set(database.column(query))


def dump(database: Database) -> list[str]:
    with_random_key = ("\\restrict", "\\unrestrict")
    text = database.program("pg_dump", "--schema-only").stdout.splitlines()
    return [line for line in text if not line.startswith(with_random_key)]


def test_baseline_is_whole(database: Database) -> None:
    assert len(database.column(TABLES)) == 22
    assert database.column(VIEWS) == ["llm_cost_analytics", "llm_user_costs"]
    assert {"twin_id", "twin_name"} < columns(database, "llm_user_costs")
    assert database.column(FUNCTIONS) == ["check_email_limit", "update_email_count", "update_updated_at_column"]
    of_mail = ["email_knowledge.trigger_check_email_limit", "email_knowledge.trigger_update_email_count"]
    assert set(database.column(TRIGGERS)) == {f"{name}.update_{name}_updated_at" for name in UPDATED} | set(of_mail)
    assert database.column(HOLDERS.format("twin_id")) == NINE
    assert len(database.column(CONSTRAINTS)) == 14
    assert database.column(COMMENTS) == [
        "digital_twins.rag_config",
        "llm_cost_analytics",
        "llm_usage",
        "llm_usage.cost_usd",
        "llm_user_costs",
    ]


@pytest.mark.parametrize("bot", ["assistant", "twin"])
def test_enums_have_their_labels_in_order(new_database: NewDatabase, bot: str) -> None:
    assert new_database(bot_label=bot).column(ENUMS) == [
        "user_role: super_admin, professional, end_user",
        "subscription_tier: free, basic, pro, enterprise",
        "llm_provider: openai, anthropic, ollama, custom",
        "conversation_status: active, handed_over, closed",
        f"message_sender: user, {bot}, professional",
        "email_provider: gmail, outlook, imap",
    ]


def test_another_label_for_the_bot_is_refused(new_database: NewDatabase) -> None:
    database = new_database(messages=None)
    database.run_file("demo/extensions.sql")
    outcome = database.run_file("demo/baseline.sql", "-1", "-v", "ON_ERROR_STOP=1", options="-c rollback.bot_label=bot")
    assert "must be 'assistant' or 'twin'" in outcome.stderr
    assert database.column(TABLES) == []


def test_all_files_run_by_hand(new_database: NewDatabase) -> None:
    database = new_database(messages=None)
    forward = [sample.FORWARD[number] for number in ALL]
    names = ["extensions", "baseline", "seed", *forward, "seed_transformed"]
    for name in names:
        file = name if name.endswith(".sql") else f"demo/{name}.sql"
        outcome = database.run_file(file, "-1", "-q", "-v", "ON_ERROR_STOP=1", options="-c rollback.seed_messages=20")
        assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", ""), file
    assert database.value("SELECT count(*) FROM messages") == 20 + 24


def test_seed_fills_every_table_and_lies_in_the_past(database: Database) -> None:
    for table in database.column(TABLES):
        assert database.value(f"SELECT count(*) FROM {table}") > 0, table
    for table in UPDATED:
        assert database.value(f"SELECT max(updated_at) < '2025-04-01' FROM {table}"), table


def test_seed_uses_every_label(database: Database) -> None:
    used = {
        "users.role": "user_role",
        "subscriptions.tier": "subscription_tier",
        "digital_twins.llm_provider": "llm_provider",
        "conversations.status": "conversation_status",
        "messages.sender": "message_sender",
        "email_credentials.provider": "email_provider",
    }
    for place, enum in used.items():
        table, column = place.split(".")
        found = database.column(f"SELECT DISTINCT {column}::text FROM {table}")
        assert sorted(found) == sorted(labels(database, enum)), place


def test_seed_leaves_the_schema_alone(new_database: NewDatabase) -> None:
    assert dump(new_database()) == dump(new_database(messages=0))


def test_seed_is_the_same_each_time(new_database: NewDatabase) -> None:
    first, second = new_database(messages=0), new_database(messages=0)
    for database in (first, second):
        with database.connect() as conn:
            sample.seed(conn, 50)
    for table in first.column(TABLES):
        query = f"SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM {table} t"
        assert first.value(query) == second.value(query), table


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: "+".join(subset) or "none")
def test_any_part_of_the_transformation_can_be_applied(new_database: NewDatabase, subset: tuple[str, ...]) -> None:
    database = new_database(forward=subset)
    assert ("knowledge_bases" in database.column(TABLES)) == ("010" in subset)
    assert database.column(HOLDERS.format("kb_id" if "010" in subset else "twin_id")) == NINE
    assert labels(database, "message_sender") == ["user", "assistant"] + ["professional"] * ("011" not in subset)
    assert ("oauth_id" in columns(database, "users")) == ("012" in subset)
    assert ("gemini" in labels(database, "llm_provider")) == ("013" in subset)


def test_transformation_leaves_old_names(transformed: Database) -> None:
    assert len(transformed.column(TABLES)) == 21
    assert len(transformed.column(CONSTRAINTS)) == 14
    assert transformed.value("SELECT to_regclass('idx_digital_twins_purpose_config') IS NOT NULL")
    assert {"twin_id", "twin_name"} < columns(transformed, "llm_user_costs")
    assert labels(transformed, "conversation_status") == ["active", "closed"]
    assert labels(transformed, "user_role") == ["super_admin", "kb_owner", "end_user"]
    assert transformed.value("SELECT bool_and(share_url ~ '^[a-z0-9-]+-[0-9a-f]{8}$') FROM knowledge_bases")


def test_a_bot_called_twin_becomes_the_assistant(new_database: NewDatabase) -> None:
    database = new_database(bot_label="twin", forward=ALL)
    assert labels(database, "message_sender") == ["user", "assistant"]


def test_users_of_each_kind(transformed: Database) -> None:
    kinds = """
        SELECT concat_ws(' ', CASE WHEN password_hash IS NOT NULL THEN 'password' END,
            CASE WHEN oauth_id IS NOT NULL THEN 'oauth' END, CASE WHEN role = 'super_admin' THEN 'admin' END,
            CASE WHEN NOT is_active THEN 'inactive' END) FROM users"""
    assert set(transformed.column(kinds)) == {
        "password", "oauth", "password oauth",
        "password admin", "oauth admin", "password oauth admin",
        "oauth inactive", "password oauth inactive",
    }  # fmt: skip
    oauth_only = "(SELECT id FROM users WHERE password_hash IS NULL)"
    owned = f"SELECT count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id " \
            f"JOIN knowledge_bases k ON k.id = c.kb_id WHERE k.user_id IN {oauth_only}"  # fmt: skip
    assert transformed.value(owned) == 24
    assert transformed.value(f"SELECT count(*) FROM benchmark_results WHERE evaluated_by IN {oauth_only}") == 1
    assert transformed.value("SELECT count(*) FROM knowledge_bases WHERE llm_provider = 'gemini'") == 2


SHIPPED = {
    AS_SHIPPED: ["user", "assistant"],
    STOPPED: ["user", "assistant", "professional"],
}


@pytest.mark.parametrize("run", SHIPPED)
def test_011_as_it_was_shipped_stops_half_way(new_database: NewDatabase, run: str) -> None:
    database = new_database(forward=("010", run, "012"))
    assert database.value("SELECT to_regclass('handover_notifications') IS NULL")
    assert "handed_over_at" not in columns(database, "conversations")
    assert labels(database, "conversation_status") == ["active", "handed_over", "closed"]
    assert labels(database, "conversation_status_new") == ["active", "closed"]
    assert labels(database, "message_sender") == SHIPPED[run]
    assert database.value("SELECT count(*) FROM conversations WHERE status = 'handed_over'") == 0
    assert database.value("SELECT count(*) > 0 FROM messages WHERE sender::text = 'professional'") == (run == STOPPED)


@pytest.mark.pg("16", "18")
def test_a_hundred_thousand_messages(new_database: NewDatabase) -> None:
    database = new_database(messages=0)
    with database.connect() as conn:
        sample.seed(conn, 100_000)
    assert database.value("SELECT count(*) FROM messages") == 100_000
    assert database.value("SELECT count(DISTINCT conversation_id) FROM messages") == 10_010
