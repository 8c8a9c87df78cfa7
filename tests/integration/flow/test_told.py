"""Who is told how a rollback ended: counted, nobody twice, and never "everybody" before it is so."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL

from runbook import journal, settings
from runbook.runs import Run
from runbook.telling import ending, mail, notification, recipients, standing, team
from runbook.telling.told import Told
from tests import runbook_runs, smtp, waiting
from tests.databases import Database
from tests.integration.flow.look import journal as steps
from tests.integration.test_team import Channel, url
from tests.smtp import ALWAYS, HANG, Server

pytestmark = [
    pytest.mark.pg("18"),
    # One of apprise's plugins imports what Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]
ACTIVE = "SELECT email FROM users WHERE is_active ORDER BY 1"
OUTCOMES = "SELECT outcome || ' ' || count(*) FROM rollback.notified WHERE kind = 'user' GROUP BY outcome ORDER BY 1"
BUSY = "451 4.7.1 greylisted, try again later"


@pytest.fixture
def mailserver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with smtp.running(tmp_path, monkeypatch) as made:
        lead(monkeypatch, made.start())
        yield made


def lead(monkeypatch: pytest.MonkeyPatch, to: Any) -> None:
    """Point the run at a mail server."""
    monkeypatch.setenv("ROLLBACK_SMTP_HOST", to.smtp_host)
    monkeypatch.setenv("ROLLBACK_SMTP_PORT", str(to.smtp_port))
    monkeypatch.setenv("ROLLBACK_MAIL_FROM", to.mail_from)
    monkeypatch.setenv("ROLLBACK_MAIL_SECONDS", "5")
    monkeypatch.setattr(mail, "PAUSE", 60)  # so each user is tried once in a run
    monkeypatch.setattr(notification, "PAUSES", (0.01,))


def done(run: Run) -> None:
    """Make a run that was begun one that has committed."""
    with journal.step(run, "verify the schema"):
        pass
    journal.end(run, "done", "rolled back")


def tell(run: Run, plan: Any) -> Told:
    return notification.tell(run, ending.summarise(run, plan, "done", (), None), (), "")


@pytest.mark.usefixtures("prefect")
def test_the_second_command_mails_who_waits_and_nobody_twice(
    transformed: Database, aim: Callable[[Database], Database], mailserver: Server, team: Channel, tmp_path: Path
) -> None:
    aim(transformed)
    active = transformed.column(ACTIVE)
    mailserver.box.greylists = True
    mailserver.box.mood("RCPT", "550 5.1.1 no such user", ALWAYS, active[0])

    state = runbook_runs.run()

    waits = f"{len(active)} users: {len(active)} waiting; 1 of 1 team channel told ({BUSY})"
    check_open(state, waits)
    assert transformed.value("SELECT outcome FROM rollback.run") == "done"
    assert steps(transformed)["notify"][0] == "open"
    stand = standing.read(settings.load())
    assert (stand.safe, stand.told["INC-1"].users) == (True, {"waiting": len(active)})
    assert "Not everybody is told of INC-1" in stand.state
    assert "--no-notify-users" in stand.next
    assert mailserver.mails() == []
    titles = [message["title"] for message in team.heard]
    assert [title.partition(":")[0] for title in titles[1:]] == ["Rollback done", "Not everybody is told"]
    assert waits in team.heard[-1]["message"]
    report = next((tmp_path / "reports").glob("report-*.md")).read_text(encoding="utf-8")
    assert f"OPEN: {len(active)} users: {len(active)} waiting" in report
    before = transformed.value("SELECT count(*) FROM rollback.step")

    state = runbook_runs.run(silent=True)

    assert state.name == "Completed"
    assert "everybody told" not in str(state.message)
    assert f"{len(active) - 1} accepted by the mail server, 1 refused for good" in str(state.message)
    assert mailserver.receivers() == active[1:]
    assert transformed.value("SELECT count(*) FROM rollback.run") == 1
    assert transformed.value("SELECT count(*) FROM rollback.step") == before + 1
    assert transformed.value("SELECT outcome FROM rollback.step ORDER BY id DESC LIMIT 1") == "done"
    assert team.heard[-1]["title"].startswith("Everybody is told who can be: INC-1")
    assert len(list((tmp_path / "reports").glob("report-*.md"))) == 1

    heard = len(team.heard)
    state = runbook_runs.run(silent=True)
    assert "Nothing to roll back" in str(state.message)
    assert (len(team.heard), mailserver.receivers()) == (heard, active[1:])


def check_open(state: State[Any], waits: str) -> None:
    assert (state.is_completed(), state.name) == (True, "Notify open")
    assert "rolled back, verified, but not everybody is told yet" in str(state.message)
    assert waits in str(state.message)
    assert "and everybody told" not in str(state.message)


@pytest.mark.usefixtures("prefect")
def test_the_operator_gives_up(transformed: Database, aim: Callable[[Database], Database], mailserver: Server) -> None:
    aim(transformed)
    active = transformed.column(ACTIVE)
    mailserver.box.mood("RCPT", "452 4.2.2 mailbox full", ALWAYS, active[0])
    assert runbook_runs.run().name == "Notify open"
    state = runbook_runs.run(silent=True, notify_users=False)
    assert state.name == "Completed"
    assert f"{len(active) - 1} accepted by the mail server, 1 given up" in str(state.message)
    assert "everybody told" not in str(state.message)
    assert mailserver.receivers() == active[1:]
    assert not standing.read(settings.load()).told["INC-1"].open


@pytest.mark.usefixtures("prefect")
def test_a_run_killed_while_it_mails_mails_nobody_twice(
    transformed: Database, aim: Callable[[Database], Database], mailserver: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    aim(transformed)
    active = transformed.column(ACTIVE)
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))  # the doomed runner shares this server
    mailserver.box.mood("end of data", HANG, 1, active[3])
    code = "from tests import runbook_runs; runbook_runs.run()"
    doomed = subprocess.Popen([sys.executable, "-c", code], env=os.environ, start_new_session=True)
    try:
        doubtful = "SELECT count(*) FROM rollback.notified WHERE outcome = 'doubtful'"
        begun = "SELECT to_regclass('rollback.notified') IS NOT NULL"
        waiting.until(lambda: reachable(transformed, begun) and transformed.value(doubtful) == 1, seconds=120)
        waiting.until(lambda: mailserver.receivers() == active[:3])
    finally:
        os.killpg(doomed.pid, signal.SIGKILL)
        doomed.wait()

    runbook_runs.spent()
    state = runbook_runs.run(silent=True)

    assert state.name == "Completed"
    assert "everybody told" not in str(state.message)
    assert f"{len(active) - 1} accepted by the mail server, 1 in doubt" in str(state.message)
    assert mailserver.receivers() == [*active[:3], *active[4:]]


def reachable(database: Database, question: str) -> bool:
    """Ask, where the fence lets anybody in."""
    try:
        return bool(database.value(question))
    except Exception:
        return False


BAD = {
    "no address": "NULL",
    "an empty one": "'  '",
    "two lines": "E'two@example.org\\nBcc: eve@example.org'",
    "not ASCII": "'müller@example.org'",
    "another spelling": "'ANN@Example.org'",
    "the first spelling": "'ann@example.org'",
    "good": "'zed@example.org'",
}


def test_each_kind_of_address_is_counted(
    transformed: Database, aim: Callable[[Database], Database], mailserver: Server
) -> None:
    aim(transformed)
    with transformed.connect() as conn:
        conn.execute("ALTER TABLE users ALTER COLUMN email DROP NOT NULL")
        conn.execute("UPDATE users SET is_active = false")
        for bad in BAD.values():
            conn.execute(
                f"UPDATE users SET is_active = true, email = {bad} WHERE id = (SELECT id FROM users"
                " WHERE NOT is_active ORDER BY id LIMIT 1)"
            )
    with runbook_runs.begun() as (run, plan):
        done(run)
        ended = tell(run, plan)
        assert tell(run, plan).users == ended.users
    assert ended.users == {"accepted": 2, "refused": 4}
    assert not ended.open
    assert [one.lower() for one in mailserver.receivers()] == ["ann@example.org", "zed@example.org"]


def test_several_runs_for_one_incident_mail_nobody_twice(
    transformed: Database, aim: Callable[[Database], Database], mailserver: Server
) -> None:
    aim(transformed)
    active = transformed.column(ACTIVE)
    mailserver.box.mood("RCPT", BUSY, ALWAYS, active[1])
    with runbook_runs.begun() as (run, plan):
        done(run)
        assert tell(run, plan).users == {"accepted": len(active) - 1, "waiting": 1}
    with transformed.connect() as conn:
        conn.execute("UPDATE users SET is_active = true")
    mailserver.box.moods.clear()
    with runbook_runs.begun() as (run, plan):  # the transformation was deployed again, and rolled back again
        done(run)
        assert not tell(run, plan).open
    everybody = transformed.column("SELECT email FROM users ORDER BY 1")
    assert mailserver.receivers() == everybody


def test_another_incident_is_not_kept_from_its_rollback(
    transformed: Database, aim: Callable[[Database], Database], mailserver: Server
) -> None:
    aim(transformed)
    mailserver.box.mood("connect", BUSY, ALWAYS)
    with runbook_runs.begun() as (run, plan):
        done(run)
        assert tell(run, plan).open
    with runbook_runs.begun(incident="INC-2") as (run, plan):
        assert not run.committed
        assert recipients.unfinished(run) is None
        assert list(standing.read(settings.load()).told) == ["INC-1"]


def test_a_journal_of_an_earlier_version_is_understood(
    transformed: Database, aim: Callable[[Database], Database], mailserver: Server, team: Channel
) -> None:
    aim(transformed)
    active = transformed.column(ACTIVE)
    with runbook_runs.begun() as (run, plan):
        done(run)
        with transformed.connect() as conn:
            conn.execute(EARLIER)
            rows = [(run.id, "team: done"), (run.id, active[0])]
            conn.cursor().executemany("INSERT INTO rollback.notified (run_id, recipient) VALUES (%s, %s)", rows)
        assert recipients.unfinished(run) is None
        assert standing.read(settings.load()).told["INC-1"].users == {"accepted": 1}
        assert tell(run, plan).users == {"accepted": len(active)}
        recipients.prepare(run)
    assert mailserver.receivers() == active[1:]
    assert [message["title"] for message in team.heard] == []
    constraint = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'step_outcome_check'"
    assert "open" in transformed.value(constraint)


EARLIER = """
DROP TABLE rollback.notified;
CREATE TABLE rollback.notified (
    run_id    uuid NOT NULL REFERENCES rollback.run,
    recipient text NOT NULL,
    sent      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, recipient)
);
ALTER TABLE rollback.step DROP CONSTRAINT step_outcome_check,
    ADD CONSTRAINT step_outcome_check CHECK (outcome IN ('running', 'done', 'skipped', 'failed'));
"""


def test_a_channel_that_fails_is_open_and_told_by_the_next_run(
    transformed: Database,
    aim: Callable[[Database], Database],
    mailserver: Server,
    channel: Channel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aim(transformed)
    monkeypatch.setenv("ROLLBACK_TEAM_URLS", f"{url(channel)} {url(channel, '/broken')}")
    with runbook_runs.begun() as (run, plan):
        done(run)
        ended = tell(run, plan)
        assert (ended.channels, ended.open) == ({"accepted": 1, "waiting": 1}, True)
        assert recipients.unfinished(run) is not None
    heard = [message["title"].partition(":")[0] for message in channel.heard]
    assert heard == ["Rollback done"] * 3 + ["Not everybody is told"] * 3  # the broken one is tried twice
    with monkeypatch.context() as mended, runbook_runs.begun() as (run, plan):
        mended.setattr(team, "reach", lambda *_: True)  # the same address, mended
        assert ending.take_up(run)
        assert tell(run, plan).channels == {"accepted": 2}
        assert recipients.unfinished(run) is None


def test_a_channel_is_given_up_by_taking_it_out(
    transformed: Database,
    aim: Callable[[Database], Database],
    mailserver: Server,
    channel: Channel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aim(transformed)
    monkeypatch.setenv("ROLLBACK_TEAM_URLS", f"{url(channel)} {url(channel, '/broken')}")
    with runbook_runs.begun() as (run, plan):
        done(run)
        assert tell(run, plan).open
    monkeypatch.setenv("ROLLBACK_TEAM_URLS", url(channel))
    with runbook_runs.begun() as (run, plan):
        assert ending.take_up(run)
        ended = tell(run, plan)
    assert (ended.channels, ended.open, ended.everybody) == ({"accepted": 1, "given up": 1}, False, False)


def test_a_template_that_breaks_leaves_the_users_waiting(
    transformed: Database, aim: Callable[[Database], Database], mailserver: Server, tmp_path: Path, monkeypatch: Any
) -> None:
    aim(transformed)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "users.txt.j2").write_text("{{ nothing_of_that_name }}")
    monkeypatch.setenv("ROLLBACK_TEMPLATE_DIR", str(tmp_path / "templates"))
    with runbook_runs.begun() as (run, plan):
        done(run)
        ended = tell(run, plan)
        assert ended.open
        assert "nothing_of_that_name" in ended.trouble
        assert json.dumps(ended.users)
    assert mailserver.mails() == []


def test_without_a_mail_server_nobody_says_that_everybody_was_told(
    transformed: Database, aim: Callable[[Database], Database]
) -> None:
    aim(transformed)
    with runbook_runs.begun() as (run, plan):
        done(run)
        summary = ending.with_told(run, ending.summarise(run, plan, "done", (), None), tell(run, plan))
    words = ending.last_words(summary)
    assert "everybody told" not in words
    assert "the users are not mailed: no mail server is set" in words
