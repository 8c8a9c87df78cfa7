"""The plan on real databases: verdict, counts, forecast and alternatives."""

import pytest

import sql
from flows.rollback import rollback
from runbook.errors import Blocked, Refused
from runbook.planning import plan, planpage
from tests import runbook_runs
from tests.databases import Database
from tests.integration.planning.plans import asked, drawn


def test_the_verdict_comes_before_everything_else(aimed: Database) -> None:
    refused = drawn(triggers=[], against=["UI only"], previous_tag=None)
    assert planpage.verdict(refused).startswith("Not justified: The procedure says do NOT rollback: UI issues")
    with pytest.raises(Refused, match="Not justified") as caught:
        plan.check(refused)
    assert not isinstance(caught.value, Blocked)
    plan.check(drawn())
    plan.check(drawn(against=["UI only"]))  # doubtful: the approver must say why


def test_the_counts(aimed: Database) -> None:
    keeping, deleting = drawn(), drawn(oauth="delete")
    users = aimed.value("SELECT count(*) FROM users")
    without = aimed.value("SELECT count(*) FROM users WHERE password_hash IS NULL")
    assert keeping.kept["users"] == users
    assert deleting.kept["users"] == users - without
    assert keeping.kept["knowledge_bases"] == aimed.value("SELECT count(*) FROM knowledge_bases")
    assert keeping.blocking == {}
    assert deleting.blocking == {"benchmark_results.benchmark_results_evaluated_by_fkey": 1}
    assert "forbids deleting" in planpage.plan_markdown(deleting, asked(), deleting.drawn_at)
    assert keeping.sizes["a backup, at most"] > 0
    assert len([name for name in keeping.sizes if name.startswith("table ")]) == 5


def test_a_guess_is_called_one_until_a_run_was_measured(aimed: Database) -> None:
    guess = drawn().forecast
    assert guess is not None
    assert guess.basis.startswith("a guess")
    with aimed.connect() as conn:
        conn.execute(sql.read("journal/schema.sql").encode())
        conn.execute(
            """INSERT INTO rollback.run (id, incident, target, request, plan, plan_hash, started)
               SELECT uuid_generate_v4(), 'INC-0', 'test', '{}',
                      jsonb_build_object('database_bytes', pg_database_size(current_database()) / 2), '', now()"""
        )
        conn.execute(
            """INSERT INTO rollback.step (run_id, name, started, ended, outcome, found)
               SELECT run.id, s.name, run.started, run.started + s.took::interval, s.outcome, '{"method": "dump"}'
                 FROM rollback.run,
                      (VALUES ('back up', '7 s', 'done'), ('fence', '3 s', 'done'), ('012', '9 s', 'failed'))
                          AS s (name, took, outcome)"""
        )
    measured = drawn().forecast
    assert measured is not None
    steps = {step.name: step for step in measured.steps}
    dump = next(way for way in drawn().backup.ways if way.method == "dump")
    assert 13 < dump.seconds < 15.5  # twice as large, a little more by the journal itself
    assert dump.runs == 1
    assert (steps["fence"].seconds, steps["fence"].runs) == (3, 1)
    assert steps["012"].runs == 0  # a failed step is no measure
    assert "measured in the last run here" in measured.basis


def test_a_real_run_is_measured(aimed: Database, prefect: None) -> None:
    state = runbook_runs.run()
    assert state.is_completed(), state.message
    expected = drawn().forecast
    assert expected is not None
    assert {step.name for step in expected.steps if step.runs} >= {"back up", "fence", "012", "011", "010", "verify"}


def test_each_way_out_has_its_price(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    back, restore, forward = drawn(fix_forward_minutes=45).alternatives
    assert (back.rows_lost, restore.rows_lost, forward.rows_lost) == (0, None, 0)
    assert "set ROLLBACK_TRANSFORMED_AT" in restore.remark
    assert (forward.minutes, drawn().alternatives[2].minutes) == (45, None)
    for since, rows in (("2000-01-01T00:00Z", "> 100"), ("2100-01-01T00:00Z", "= 0")):
        monkeypatch.setenv("ROLLBACK_TRANSFORMED_AT", since)
        lost = drawn().alternatives[1].rows_lost
        assert aimed.value(f"SELECT {lost} {rows}"), (since, lost)
    aimed.value("INSERT INTO end_users (name, created_at) VALUES ('late', '2200-01-01') RETURNING 1")
    assert drawn().alternatives[1].rows_lost == 1
    deleting = drawn(oauth="delete")
    assert deleting.alternatives[0].rows_lost == deleting.users["OAuth only"] + sum(deleting.cascade.values())


def test_the_plan_writes_nothing(aimed: Database) -> None:
    before = aimed.checksums()
    drawn(oauth="delete")
    assert aimed.checksums() == before
    assert aimed.value("SELECT to_regnamespace('rollback') IS NULL")


@pytest.mark.usefixtures("prefect")
def test_a_run_without_a_trigger_is_refused_and_touches_nothing(aimed: Database) -> None:
    before = aimed.checksums()
    state = runbook_runs.run(triggers=[], degradation_percent=24.9)
    assert state.name == "Refused"
    assert "performance degradation <25% (24.9 %)" in str(state.message)
    assert aimed.checksums() == before
    assert aimed.value("SELECT to_regnamespace('rollback') IS NULL")


@pytest.mark.usefixtures("prefect")
def test_a_doubtful_run_waits_until_the_approver_says_why(aimed: Database) -> None:
    why = "Nobody can chat, and the hotfix failed twice."
    with runbook_runs.answering({"comment": ""}, {"comment": why}):
        state = rollback(asked(against=["UI only"]), return_state=True)
    assert state.is_completed(), state.message
    assert aimed.column("SELECT comment FROM rollback.approval") == [why]
