"""The seeds fill every table, the same way each time, with everyone a rollback has to think of."""

from collections.abc import Callable

import psycopg
import pytest

from runbook import sample
from tests import catalogue
from tests.databases import Database

NewDatabase = Callable[..., Database]


def test_seed_fills_every_table_and_lies_in_the_past(database: Database) -> None:
    for table in database.column(catalogue.TABLES):
        assert database.value(f"SELECT count(*) FROM {table}") > 0, table
    for table in catalogue.UPDATED:
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
        assert sorted(found) == sorted(catalogue.labels(database, enum)), place


def test_seed_leaves_the_schema_alone(new_database: NewDatabase) -> None:
    assert catalogue.dump(new_database()) == catalogue.dump(new_database(messages=0))


def test_seed_is_the_same_each_time(new_database: NewDatabase) -> None:
    first, second = new_database(messages=0), new_database(messages=0)
    for database in (first, second):
        with database.connect() as conn:
            sample.seed(conn, 50)
    for table in first.column(catalogue.TABLES):
        query = f"SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM {table} t"
        assert first.value(query) == second.value(query), table


def test_mails_are_counted_and_limited(database: Database) -> None:
    counted = "(SELECT count(*) FROM email_knowledge WHERE credential_id = c.id)"
    assert database.value(f"SELECT bool_and(current_email_count = {counted}) FROM email_credentials c")
    with database.connect() as conn, pytest.raises(psycopg.errors.RaiseException, match="email limit reached"):
        conn.execute("UPDATE email_credentials SET max_emails_limit = current_email_count")
        conn.execute("""
            INSERT INTO email_knowledge (credential_id, email_id, subject, sender_email, sent_at, body_text)
            SELECT id, 'one more', '', '', now(), '' FROM email_credentials LIMIT 1""")


def test_users_of_each_kind(transformed: Database) -> None:
    kinds = """
        SELECT concat_ws(' ', CASE WHEN password_hash IS NOT NULL THEN 'password' END,
            CASE WHEN oauth_id IS NOT NULL THEN 'oauth' END, CASE WHEN role = 'super_admin' THEN 'admin' END,
            CASE WHEN NOT is_active THEN 'inactive' END) FROM users"""
    assert set(transformed.column(kinds)) == {
        "password", "oauth", "password oauth",
        "password admin", "oauth admin", "password oauth admin",
        "password inactive", "oauth inactive", "password oauth inactive",
    }  # fmt: skip
    oauth_only = "(SELECT id FROM users WHERE password_hash IS NULL)"
    owned = f"""
        SELECT count(*) FROM messages m
        JOIN conversations c ON c.id = m.conversation_id
        JOIN knowledge_bases k ON k.id = c.kb_id
        WHERE k.user_id IN {oauth_only}"""
    assert transformed.value(owned) == 24
    assert transformed.value(f"SELECT count(*) FROM benchmark_results WHERE evaluated_by IN {oauth_only}") == 1
    assert transformed.value("SELECT count(*) FROM knowledge_bases WHERE llm_provider = 'gemini'") == 2


@pytest.mark.pg("16", "18")
def test_a_hundred_thousand_messages(new_database: NewDatabase) -> None:
    database = new_database(messages=0)
    with database.connect() as conn:
        sample.seed(conn, 100_000)
    assert database.value("SELECT count(*) FROM messages") == 100_000
    assert database.value("SELECT count(DISTINCT conversation_id) FROM messages") == 10_010
