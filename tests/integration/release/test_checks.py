"""What a release declares to be asked: looked at when the plan is drawn, run without keeping anything."""

from pathlib import Path

import pytest

from runbook import settings
from runbook.application import fitness, queryset
from runbook.demo import world
from runbook.errors import ReleaseUnfit, ReleaseUnusable
from runbook.models import Plan
from runbook.planning import plan, planpage
from runbook.request import RollbackRequest
from tests import application, runbook_runs
from tests.application import Application
from tests.databases import Database

pytestmark = pytest.mark.pg("18")


def test_what_is_no_query_and_what_cannot_be_parsed_is_named(transformed: Database) -> None:
    text = "SELECT 1;\nSELEC 2;\nDELETE FROM users;\nSELECT FROM WHERE;\nSELECT no_such FROM nowhere; COMMIT"
    with transformed.connect() as conn:
        with pytest.raises(ReleaseUnusable) as caught:
            queryset.check(conn, "checks.sql", queryset.split(text))
        with pytest.raises(ReleaseUnusable, match="it holds no query"):
            queryset.check(conn, "checks.sql", [])
        assert conn.info.transaction_status.name == "IDLE"
    problem = caught.value.problem
    assert "line 2: 'SELEC 2' is no query" in problem and "line 3: 'DELETE FROM users' is no query" in problem
    assert 'line 4: PostgreSQL refused: syntax error at or near "WHERE"' in problem
    assert "line 5: 'COMMIT' is no query" in problem
    assert "no_such" not in problem  # whether it is there is asked after the rollback


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT 1; SELECT kb_id FROM digital_twins", "line 1: PostgreSQL refused: .*digital_twins.* does not exist"),
        ("WITH gone AS (DELETE FROM users RETURNING 1) SELECT * FROM gone", "read-only transaction"),
        ("SELECT setval('counting', 9)", "read-only transaction"),
        ("EXPLAIN ANALYZE DELETE FROM messages", "read-only transaction"),
        ("SELECT pg_sleep(20)", "statement timeout"),
    ],
)
def test_a_query_that_fails_is_named_and_nothing_is_kept(transformed: Database, text: str, why: str) -> None:
    with transformed.connect() as conn:
        conn.execute("CREATE SEQUENCE counting")
    sums = transformed.checksums()
    with transformed.connect() as conn:
        with pytest.raises(ReleaseUnfit, match=why):
            queryset.run(conn, "checks.sql", queryset.split(text), 1)
        # The connection is as it was, for what comes after.
        assert conn.execute("SHOW transaction_read_only").fetchone() == ("off",)
        assert conn.execute("SHOW statement_timeout").fetchone() == ("0",)
    assert transformed.checksums() == sums
    assert transformed.value("SELECT is_called FROM counting") is False


def test_explain_proves_a_write_and_writes_nothing(transformed: Database) -> None:
    sums = transformed.checksums()
    with transformed.connect() as conn:
        written = queryset.split("EXPLAIN DELETE FROM users; EXPLAIN INSERT INTO knowledge_bases DEFAULT VALUES")
        queryset.check(conn, "checks.sql", written)
        queryset.run(conn, "checks.sql", written, 5)
    assert transformed.checksums() == sums


def drawn(database: Database, tag: str = "v1") -> Plan:
    request = RollbackRequest.model_validate({**runbook_runs.REQUEST, "previous_tag": tag})
    with database.connect() as conn:
        return plan.draw(conn, request, settings.load(), own=[conn.info.backend_pid])


def tagged(app: Application, name: str, queries: str) -> None:
    """Make a release of which only the query set differs from v2."""
    (app.tree / world.QUERIES).write_text(queries)
    world.commit(app.tree, name)


def test_the_plan_finds_what_cannot_be_asked(
    transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    with application.running(tmp_path, transformed, monkeypatch) as app:
        usable = drawn(transformed)
        assert usable.blockers == [] and fitness.UNCHECKED not in usable.warnings
        page = planpage.plan_markdown(usable, RollbackRequest.model_validate(runbook_runs.REQUEST), usable.drawn_at)
        assert "it is checked by the queries of its checks/queries.sql and by check in backend" in page

        tagged(app, "broken", "SELECT 1;\nSELECT (2;\n")
        assert "checks/queries.sql of broken cannot be used" in str(drawn(transformed, "broken").blockers)
        assert "line 2: PostgreSQL refused: syntax error" in str(drawn(transformed, "broken").blockers)

        for setting, value, blocker in (
            ("ROLLBACK_RELEASE_QUERIES", "no/such.sql", "The tag v1 has no file no/such.sql"),
            ("ROLLBACK_RELEASE_CHECK", "backend", "names the service backend and no command"),
            ("ROLLBACK_RELEASE_CHECK", "mailer check", "defines no service mailer"),
        ):
            with monkeypatch.context() as patch:
                patch.setenv(setting, value)
                assert blocker in str(drawn(transformed).blockers)

        monkeypatch.setenv("ROLLBACK_RELEASE_QUERIES", "")
        monkeypatch.setenv("ROLLBACK_RELEASE_CHECK", "")
        unchecked = drawn(transformed)
        assert unchecked.blockers == [] and unchecked.warnings[0] == fitness.UNCHECKED


@pytest.mark.usefixtures("prefect")
def test_a_release_that_does_not_fit_is_not_started(
    transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    with application.running(tmp_path, transformed, monkeypatch) as app:
        # A release of the newer schema, named as the one that comes back: its own command says that it does not fit.
        monkeypatch.setenv("ROLLBACK_RELEASE_QUERIES", "")
        tagged(app, "v2.1", "SELECT 2;\n")
        app.git("checkout", "--quiet", "v2")
        state = runbook_runs.run(previous_tag="v2.1")
        assert "backend v2: there is no knowledge_bases" in str(state.message)
        assert app.pids() == {}
        # Asked once: nothing has moved that could make a second answer another one.
        assert transformed.value("SELECT count(*) FROM rollback.step WHERE name = 'open and start'") == 1

        state = runbook_runs.run(previous_tag="v1")  # another release than the approved one: asked again
        assert state.is_completed(), state.message
        assert app.answers() == {"backend v1 works", "frontend v1 works"}
