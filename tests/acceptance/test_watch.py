"""What watches over the runs: a Prefect server on PostgreSQL, two workers, one of them killed, and a real channel."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import servers
from tests.acceptance import prefects, receiver, staging
from tests.acceptance.operator import ROOT, Desk, at_baseline, desk
from tests.acceptance.prefects import Prefect
from tests.acceptance.receiver import Receiver
from tests.acceptance.site import WORKER, install_targets, service_file
from tests.databases import Database, Templates
from tests.waiting import until

pytestmark = [pytest.mark.pg("18"), pytest.mark.timeout(420)]

WITHIN = {
    "silent.yaml": ("within: 150", "within: 45"),
    "waiting.yaml": ("within: 600", "within: 10"),
    "stuck.yaml": ("within: 300", "within: 10"),
    "overdue.yaml": ("within: 691200", "within: 20"),
}
"""A test cannot wait as long as people do; a heartbeat comes each 30 s, which is the least that Prefect takes."""
WAIT = """
CREATE SCHEMA faults;
CREATE FUNCTION faults.wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN IF current_database() !~ '^rollback_trial_' THEN PERFORM pg_sleep(600); END IF; END $$;
CREATE EVENT TRIGGER wait ON ddl_command_start WHEN TAG IN ('ALTER TYPE') EXECUTE FUNCTION faults.wait();
"""
UNWAIT = "DROP EVENT TRIGGER wait; DROP FUNCTION faults.wait(); DROP SCHEMA faults"
ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = %s"
REQUEST = {
    "incident": "INC-9",
    "reason": "Chat answers with errors.",
    "triggers": ["critical functionality broken: chat"],
    "oauth": "temporary passwords",
    "requested_by": "Grace Hopper",
}


@dataclass(frozen=True)
class Site:
    """A server whose runs are watched, production and staging, and the channel that hears of trouble."""

    prefect: Prefect
    production: Database
    staging: Database
    desk: Desk
    env: dict[str, str]
    channel: Receiver

    def create(self, deployment: str, **parameters: Any) -> str:
        """Ask for a run."""
        there = self.prefect.read(f"/deployments/name/{deployment}")["id"]
        where = f"/deployments/{there}/create_flow_run"
        return str(self.prefect.call("POST", where, parameters=parameters).raise_for_status().json()["id"])

    def state(self, run: str) -> str:
        """Return the state's name of a run."""
        return str(self.prefect.read(f"/flow_runs/{run}")["state"]["name"])

    @contextmanager
    def worker(self, name: str) -> Iterator[psutil.Process]:
        """Run a worker of the pool."""
        words = [*WORKER, "--name", name]
        env = {**self.env, "PREFECT_WORKER_QUERY_SECONDS": "1"}
        with prefects.program(self.desk.folder / name, words, env):
            yield next(
                one for one in psutil.process_iter(["cmdline"]) if (one.info["cmdline"] or [])[-2:] == ["--name", name]
            )

    def asleep(self) -> bool:
        """Tell whether a rehearsal stands still inside the transaction of its rollback."""
        with self.staging.server.connect() as admin:
            return bool(admin.execute(ASLEEP, [self.staging.dbname]).fetchone() != (0,))


@pytest.fixture(scope="module")
def site(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("watched")
    with ExitStack() as stack:
        production = stack.enter_context(templates.copy(forward=("010", "011", "012", "013")))
        place = stack.enter_context(staging.lent(production.server))
        own = servers.start("17")  # Prefect needs pg_trgm, which the tests' other servers lack
        stack.callback(own.stop)
        where = f"postgresql+asyncpg://{own.user}@/postgres?host={own.host}&port={own.port}"
        quick = {"PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "3"}
        quick["PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS"] = "2"
        server = stack.enter_context(
            prefects.server(folder / "server", PREFECT_API_DATABASE_CONNECTION_URL=where, **quick)
        )
        channel = stack.enter_context(receiver.listening())
        at = desk(production, folder, **server.env, ROLLBACK_FENCE_ORPHAN_SECONDS="5")
        env = {name: value for name, value in at.env.items() if not name.startswith("PG") and name != "ROLLBACK_TARGET"}
        places = {"digitaltwin-production": staging.place(production), "digitaltwin-staging": staging.place(place)}
        install_targets(folder, "production", "staging")
        env |= {"PGSERVICEFILE": str(service_file(folder, places)), "ROLLBACK_ALERT_WEBHOOK": channel.url}
        yield Site(server, production, place, at, env, channel)


def run(site: Site, *words: str) -> str:
    """Run a program of the project at its root."""
    env = {name: value for name, value in site.env.items() if name != "PREFECT_HOME"}
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_run_of_a_killed_worker_is_seen_told_of_and_taken_up_by_the_other(site: Site, tmp_path: Path) -> None:
    first = run(site, "deployments.deploy")
    assert first.count("registered, new") == 5 + 6 and "block rollback-alerts: made" in first
    assert "Nothing had to be changed." in run(site, "deployments.deploy")
    for name, words in WITHIN.items():
        (tmp_path / name).write_text((ROOT / "deployments/watch" / name).read_text().replace(*words))
    said = run(site, "deployments.automation", *(str(tmp_path / name) for name in WITHIN))
    assert said.count(": changed") == 4

    late = site.create("snapshots/production")
    until(lambda: site.channel.heard("is late", "Is a worker alive?", late))
    # As by a worker that took it and was gone before it began.
    site.prefect.call("POST", f"/flow_runs/{late}/set_state", state={"type": "PENDING"}).raise_for_status()
    until(lambda: site.channel.heard("does not begin", "nothing was touched", late))
    site.prefect.call("DELETE", f"/flow_runs/{late}").raise_for_status()

    with site.production.connect() as conn:
        conn.execute(WAIT)
    with site.worker("one") as one, site.worker("two") as two:
        doomed = site.create("rehearsal/staging")
        until(site.asleep)
        [victim] = [worker for worker in (one, two) if worker.children(recursive=True)]
        for process in (victim, *victim.children(recursive=True)):
            os.kill(process.pid, signal.SIGKILL)
        until(lambda: not site.asleep())  # PostgreSQL missed its client and undid the transaction
        with site.production.connect() as conn:
            conn.execute(UNWAIT)

        # The other worker takes up what comes next: an incident, which waits longer than a silent run may be silent.
        began = time.monotonic()
        waiting = site.create("rollback/production", request=REQUEST)
        site.prefect.waiting()
        until(lambda: site.channel.heard("INC-9 on production waits for its approval", waiting))
        name = site.prefect.read(f"/flow_runs/{doomed}")["name"]
        until(lambda: site.state(doomed) == "Crashed", 150)
        until(lambda: site.channel.heard(f"{name} crashed", "No heartbeat", f"/runs/flow-run/{doomed}"))
        time.sleep(max(0.0, 50 - (time.monotonic() - began)))
        assert site.state(waiting) == "Paused"

        # So it does with the next rehearsal, which first puts back what the killed one left.
        again = site.create("rehearsal/staging")
        until(lambda: site.state(again) in ("Completed", "Failed"), 180)
        assert site.state(again) == "Completed"
        assert staging.outcomes(site.staging) == ["killed", "done"] and staging.as_found(site.staging)
        site.prefect.resume(waiting)
        until(lambda: site.state(waiting) == "Completed", 180)
        assert victim.is_running() is False or victim.status() == psutil.STATUS_ZOMBIE
    assert at_baseline(site.production)
    assert site.channel.heard("No rehearsal for eight days")


def test_an_edit_changes_that_automation_alone_and_a_pause_stays(site: Site, tmp_path: Path) -> None:
    run(site, "deployments.deploy")
    rows = site.prefect.call("POST", "/automations/filter").json()
    paused = next(row for row in rows if row["name"] == "rollback runbook, run late")
    site.prefect.call("PATCH", f"/automations/{paused['id']}", enabled=False).raise_for_status()
    assert "Nothing had to be changed." in run(site, "deployments.deploy")
    assert site.prefect.read(f"/automations/{paused['id']}")["enabled"] is False
    file = tmp_path / "late.yaml"
    file.write_text((ROOT / "deployments/watch/late.yaml").read_text().replace("is late", "did not start"))
    assert "run late: changed" in run(site, "deployments.automation", str(file))
    assert "Changed: late." in run(site, "deployments.deploy")
    assert "https" not in str(site.prefect.call("POST", "/block_documents/filter").json()[0]["data"]["secrets"])
