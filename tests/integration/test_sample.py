"""The demo's database is what it says: the whole baseline, and every state that real databases are in."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from runbook import sample
from tests import catalogue
from tests.databases import ALL, AS_SHIPPED, STOPPED, Database

SUBSETS = [subset for size in range(len(ALL) + 1) for subset in combinations(ALL, size)]
NewDatabase = Callable[..., Database]


def test_baseline_is_whole(database: Database) -> None:
    assert len(database.column(catalogue.TABLES)) == 22
    assert database.column(catalogue.VIEWS) == ["llm_cost_analytics", "llm_user_costs"]
    assert {"twin_id", "twin_name"} < catalogue.columns(database, "llm_user_costs")
    assert database.column(catalogue.FUNCTIONS) == [
        "check_email_limit",
        "update_email_count",
        "update_updated_at_column",
    ]
    triggers = {f"{table}.update_{table}_updated_at" for table in catalogue.UPDATED}
    triggers |= {"email_knowledge.trigger_check_email_limit", "email_knowledge.trigger_update_email_count"}
    assert set(database.column(catalogue.TRIGGERS)) == triggers
    assert database.column(catalogue.HOLDERS.format("twin_id")) == catalogue.NINE
    assert len(database.column(catalogue.CONSTRAINTS)) == 14
    assert database.column(catalogue.COMMENTS) == [
        "digital_twins.rag_config",
        "llm_cost_analytics",
        "llm_usage",
        "llm_usage.cost_usd",
        "llm_user_costs",
    ]


@pytest.mark.parametrize("bot", ["assistant", "twin"])
def test_enums_have_their_labels_in_order(new_database: NewDatabase, bot: str) -> None:
    assert new_database(bot_label=bot).column(catalogue.ENUMS) == [
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
    assert database.column(catalogue.TABLES) == []


def test_all_files_run_by_hand(new_database: NewDatabase) -> None:
    database = new_database(messages=None)
    forward = [sample.FORWARD[number] for number in ALL]
    names = ["extensions", "baseline", "seed", *forward, "seed_transformed"]
    for name in names:
        file = name if name.endswith(".sql") else f"demo/{name}.sql"
        outcome = database.run_file(file, "-1", "-q", "-v", "ON_ERROR_STOP=1", options="-c rollback.seed_messages=20")
        assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", ""), file
    assert database.value("SELECT count(*) FROM messages") == 20 + 24


def test_a_dump_restores_elsewhere(new_database: NewDatabase, tmp_path: Path) -> None:
    database, other = new_database(), new_database(messages=None)
    saved = database.program("pg_dump", "-Fc", "-f", str(tmp_path / "dump"))
    restored = other.program("pg_restore", "-d", other.dbname, "--exit-on-error", str(tmp_path / "dump"))
    assert (saved.stderr, restored.stderr) == ("", "")
    assert [catalogue.without_casts(line) for line in catalogue.dump(other)] == [
        catalogue.without_casts(line) for line in catalogue.dump(database)
    ]


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: "+".join(subset) or "none")
def test_any_part_of_the_transformation_can_be_applied(new_database: NewDatabase, subset: tuple[str, ...]) -> None:
    database = new_database(forward=subset)
    assert ("knowledge_bases" in database.column(catalogue.TABLES)) == ("010" in subset)
    assert database.column(catalogue.HOLDERS.format("kb_id" if "010" in subset else "twin_id")) == catalogue.NINE
    assert catalogue.labels(database, "message_sender") == ["user", "assistant"] + ["professional"] * (
        "011" not in subset
    )
    assert ("oauth_id" in catalogue.columns(database, "users")) == ("012" in subset)
    assert ("gemini" in catalogue.labels(database, "llm_provider")) == ("013" in subset)


def test_transformation_leaves_old_names(transformed: Database) -> None:
    assert len(transformed.column(catalogue.TABLES)) == 21
    assert len(transformed.column(catalogue.CONSTRAINTS)) == 14
    assert transformed.value("SELECT to_regclass('idx_digital_twins_purpose_config') IS NOT NULL")
    assert {"twin_id", "twin_name"} < catalogue.columns(transformed, "llm_user_costs")
    assert catalogue.labels(transformed, "conversation_status") == ["active", "closed"]
    assert catalogue.labels(transformed, "user_role") == ["super_admin", "kb_owner", "end_user"]
    assert transformed.value("SELECT bool_and(share_url ~ '^[a-z0-9-]+-[0-9a-f]{8}$') FROM knowledge_bases")


def test_a_bot_called_twin_becomes_the_assistant(new_database: NewDatabase) -> None:
    database = new_database(bot_label="twin", forward=ALL)
    assert catalogue.labels(database, "message_sender") == ["user", "assistant"]


SHIPPED = {
    AS_SHIPPED: ["user", "assistant"],
    STOPPED: ["user", "assistant", "professional"],
}


@pytest.mark.parametrize("run", SHIPPED)
def test_011_as_it_was_shipped_stops_half_way(new_database: NewDatabase, run: str) -> None:
    database = new_database(forward=("010", run, "012"))
    assert database.value("SELECT to_regclass('handover_notifications') IS NULL")
    assert "handed_over_at" not in catalogue.columns(database, "conversations")
    assert catalogue.labels(database, "conversation_status") == ["active", "handed_over", "closed"]
    assert catalogue.labels(database, "conversation_status_new") == ["active", "closed"]
    assert catalogue.labels(database, "message_sender") == SHIPPED[run]
    assert database.value("SELECT count(*) FROM conversations WHERE status = 'handed_over'") == 0
    assert database.value("SELECT count(*) > 0 FROM messages WHERE sender::text = 'professional'") == (run == STOPPED)
