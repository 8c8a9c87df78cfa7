"""From every state, the three scripts lead to the baseline, exactly, and change no row that stays."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import sql
from runbook import sample
from runbook.schema import catalogue
from tests import states
from tests.databases import ALL, Database, migrate

pytestmark = pytest.mark.pg("15", "16", "18")

MESSAGES = 20
NewDatabase = Callable[..., Database]
Baseline = Callable[..., set[tuple[str, str, str]]]


def in_state(new_database: NewDatabase, forward: tuple[str, ...]) -> Database:
    database = new_database(messages=MESSAGES)
    migrate(database, forward)
    with database.connect() as conn:
        sample.seed_transformed(conn)
    return database


@pytest.mark.parametrize("forward", states.STATES, ids="+".join)
def test_every_state_leads_to_the_baseline(
    baseline: Baseline, new_database: NewDatabase, forward: tuple[str, ...]
) -> None:
    database = in_state(new_database, forward)
    for stopped_after in range(len(states.SCRIPTS) + 1):
        with database.connect(autocommit=False) as conn:
            wanted = states.survivors(conn)
            before = states.checksums(conn, wanted)
            conn.execute(sql.read("oauth/temporary_passwords.sql"))
            states.roll_back(conn, states.SCRIPTS[:stopped_after], gemini="remove")
            states.roll_back(conn, gemini="remove")
            states.verify(conn)
            assert states.rows(catalogue.read(conn)) == baseline()
            assert states.checksums(conn, wanted) == before
            conn.rollback()


def test_there_and_back_again(baseline: Baseline, new_database: NewDatabase) -> None:
    database = new_database(messages=MESSAGES)
    with database.connect() as conn:
        for _ in range(2):
            migrate(database, ALL)
            with conn.transaction():
                states.roll_back(conn, gemini="remove")
                states.verify(conn)
            assert states.rows(catalogue.read(conn)) == baseline()


def test_the_baseline_is_left_as_it_is(database: Database) -> None:
    said: list[str] = []
    with database.connect() as conn:
        conn.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        before = catalogue.read(conn)
        with conn.transaction():
            states.roll_back(conn)
        assert catalogue.read(conn) == before
    assert said
    assert all("already so" in line for line in said)


@pytest.mark.parametrize("label", ["assistant", "twin"])
@pytest.mark.parametrize("was", ["assistant", "twin"])
@pytest.mark.parametrize("forward", [(), ("011",)], ids="+".join)
def test_the_bot_is_called_as_asked(
    baseline: Baseline, new_database: NewDatabase, was: str, label: str, forward: tuple[str, ...]
) -> None:
    database = new_database(messages=0, bot_label=was, forward=forward)
    with database.connect() as conn, conn.transaction():
        states.roll_back(conn, bot_label=label)
        states.verify(conn)
        assert states.rows(catalogue.read(conn)) == baseline(label)


def test_both_bot_labels_are_refused(new_database: NewDatabase) -> None:
    database = new_database(messages=0)
    with database.connect() as conn:
        conn.execute("ALTER TYPE message_sender ADD VALUE 'twin'")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="both labels assistant and twin"):
            conn.execute(sql.read("rollback/011_rollback_handover.sql"))


@pytest.mark.parametrize("option", ["bot_label", "gemini"])
def test_an_unknown_option_is_refused(new_database: NewDatabase, option: str) -> None:
    refused = pytest.raises(psycopg.errors.InvalidParameterValue, match=option)
    with new_database(messages=0).connect() as conn, refused, conn.transaction():
        states.roll_back(conn, **{option: "perhaps"})


def test_both_tables_are_refused(new_database: NewDatabase) -> None:
    database = new_database(messages=0, forward=ALL)
    with database.connect() as conn:
        conn.execute("CREATE TABLE digital_twins (id uuid)")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match=r"both public\.knowledge_bases and"):
            conn.execute(sql.read("rollback/010_rollback_knowledge_base.sql"))


def test_gemini_is_kept_unless_removal_is_asked(transformed: Database, server: Any) -> None:
    with transformed.connect() as conn:
        conn.execute(sql.read("oauth/temporary_passwords.sql"))
        users = conn.execute("SELECT id FROM knowledge_bases WHERE llm_provider = 'gemini' ORDER BY 1").fetchall()
        with conn.transaction():
            states.roll_back(conn)
            states.verify(conn)
        declared = catalogue.expected(int(server.version), gemini="kept")
        assert [str(one) for one in catalogue.differences(declared, catalogue.read(conn))] == []
        after = conn.execute("SELECT id FROM digital_twins WHERE llm_provider = 'gemini' ORDER BY 1").fetchall()
    assert users
    assert after == users


def test_what_is_removed_is_in_the_archive(transformed: Database) -> None:
    with transformed.connect() as conn:
        conn.execute(sql.read("oauth/temporary_passwords.sql"))
        had_oauth = conn.execute(
            "SELECT id, oauth_provider, oauth_id, avatar_url FROM users "
            "WHERE coalesce(oauth_provider, oauth_id, avatar_url) IS NOT NULL ORDER BY 1"
        ).fetchall()
        bases = conn.execute(
            "SELECT id, description, is_public, share_url, CASE llm_provider WHEN 'gemini' THEN 'gemini' END "
            "FROM knowledge_bases ORDER BY 1"
        ).fetchall()
        with conn.transaction():
            states.roll_back(conn, gemini="remove")
        kept = "SELECT id, oauth_provider, oauth_id, avatar_url FROM rollback.archived_users ORDER BY 1"
        assert conn.execute(kept).fetchall() == had_oauth
        kept = (
            "SELECT id, description, is_public, share_url, llm_provider "
            "FROM rollback.archived_knowledge_bases ORDER BY 1"
        )
        assert conn.execute(kept).fetchall() == bases
    assert had_oauth
    assert bases


def test_users_without_a_password_stop_012(transformed: Database) -> None:
    with transformed.connect() as conn:
        before = catalogue.read(conn)
        waiting = transformed.value("SELECT count(*) FROM users WHERE password_hash IS NULL")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as refused:
            conn.execute(sql.read("rollback/012_rollback_oauth.sql"))
        assert catalogue.read(conn) == before
    assert f"{waiting} user(s) without password_hash" in str(refused.value)
    hint = refused.value.diag.message_hint or ""
    assert "SET password_hash = '$2b$10$TEMPORARY_HASH_INVALID_FOR_LOGIN' WHERE password_hash IS NULL" in hint
    assert "DELETE FROM users WHERE password_hash IS NULL" in hint
    assert "skip 012" in hint
