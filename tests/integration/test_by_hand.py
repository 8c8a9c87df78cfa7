"""The three files run by real psql as the procedure shows, with -1 and ON_ERROR_STOP, and leave the same end state."""

from collections.abc import Callable

import pytest

from runbook.schema import catalogue
from tests import states
from tests.databases import ALL, Database

Baseline = Callable[..., set[tuple[str, str, str]]]
NewDatabase = Callable[..., Database]
AS_SHOWN = ("-1", "-v", "ON_ERROR_STOP=1")


def facts(database: Database) -> set[tuple[str, str, str]]:
    with database.connect() as conn:
        return states.rows(catalogue.read(conn))


@pytest.mark.parametrize("label", ["assistant", "twin"])
def test_the_procedure_leads_to_the_baseline(baseline: Baseline, new_database: NewDatabase, label: str) -> None:
    database = new_database(messages=20, forward=ALL)
    options = "-c rollback.gemini=remove" + (" -c rollback.bot_label=twin" if label == "twin" else "")
    for name in ("oauth/temporary_passwords", *(f"rollback/{script}" for script in states.SCRIPTS)):
        run = database.run_file(f"{name}.sql", *AS_SHOWN, options=options)
        assert run.returncode == 0, run.stderr
        assert "NOTICE" in run.stderr
    for script in states.SCRIPTS:
        assert database.run_file(f"verify/{script}.sql", *AS_SHOWN, options=options).returncode == 0
    assert facts(database) == baseline(label)
    senders = "SELECT unnest(enum_range(NULL::message_sender))::text"
    assert database.column(senders) == ["user", label, "professional"]


@pytest.mark.parametrize("arguments", [AS_SHOWN, ()], ids=["as shown", "plain"])
def test_012_refuses_and_leaves_everything(new_database: NewDatabase, arguments: tuple[str, ...]) -> None:
    database = new_database(messages=20, forward=ALL)
    before = facts(database)
    users = "SELECT md5(string_agg(u::text, '' ORDER BY id)) FROM users AS u"
    rows = database.value(users)
    run = database.run_file("rollback/012_rollback_oauth.sql", *arguments)
    assert run.returncode == (3 if arguments else 0)
    assert "without password_hash" in run.stderr
    for way in ("temporary passwords", "delete these users", "skip 012"):
        assert way in run.stderr
    assert facts(database) == before
    assert database.value(users) == rows


def test_012_can_be_skipped(new_database: NewDatabase) -> None:
    database = new_database(messages=20, forward=ALL)
    for script in states.SCRIPTS[1:]:
        assert database.run_file(f"rollback/{script}.sql", *AS_SHOWN).returncode == 0
    declared = catalogue.expected(int(database.server.version), gemini="kept", oauth="kept")
    with database.connect() as conn:
        assert [str(one) for one in catalogue.differences(declared, catalogue.read(conn))] == []


def test_a_lock_is_not_waited_for_long(new_database: NewDatabase) -> None:
    database = new_database(messages=20, forward=("011",))
    with database.connect(autocommit=False) as conn:
        conn.execute("SELECT FROM conversations")
        run = database.run_file("rollback/011_rollback_handover.sql", *AS_SHOWN, options="-c lock_timeout=200ms")
    assert run.returncode == 3
    assert "lock timeout" in run.stderr
