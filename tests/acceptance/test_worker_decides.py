"""Whoever reaches Prefect's API writes deployments and runs as they like: the worker starts none of it, and says so."""

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runbook import refusals
from runbook.planning import standingforecast
from runbook.settings import Settings
from tests.acceptance import prefects
from tests.acceptance.operator import Desk, at_baseline, desk
from tests.acceptance.prefects import Prefect
from tests.acceptance.site import FINAL, WORKER, deploy, through_services
from tests.databases import ALL, Database, Templates
from tests.integration.test_team import Channel, Listener
from tests.waiting import until

pytestmark = pytest.mark.pg("18")
REQUEST = {
    "incident": "INC-66",
    "reason": "Chat answers with errors.",
    "triggers": ["critical functionality broken: chat"],
    "oauth": "temporary passwords",
    "requested_by": "Grace Hopper",
}
COPIED = ("entrypoint", "parameter_openapi_schema", "pull_steps", "work_pool_name", "work_queue_name", "job_variables")
Change = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """A server with the deployments, a worker that has the target production alone, and the team's channel."""

    prefect: Prefect
    database: Database
    desk: Desk
    team: list[dict[str, Any]]
    before: dict[str, Any]

    @property
    def evil(self) -> Path:
        """A folder of the attacker's, whose code would leave a file here."""
        return self.desk.folder / "evil"

    @property
    def traces(self) -> list[str]:
        """What attackers' code did."""
        return sorted(path.name for path in self.desk.folder.glob("trace-*"))

    def run(self, **words: Any) -> str:
        """Ask rollback/production for a run with words of the attacker's."""
        made = self.prefect.call("POST", f"/deployments/{self.deployment()['id']}/create_flow_run", **words)
        return str(made.raise_for_status().json()["id"])

    def deployment(self, name: str = "rollback/production") -> dict[str, Any]:
        found: dict[str, Any] = self.prefect.read(f"/deployments/name/{name}")
        return found

    def of(self, flow: str = "rollback", parameters: Change | None = None, **changes: Any) -> str:
        """Register a deployment of one's own, and ask it for a run."""
        fields = {name: self.deployment()[name] for name in COPIED}
        id_ = self.prefect.call("POST", "/flows/", name=flow).json()["id"]
        body = {**fields, "name": f"evil-{len(self.seen())}", "flow_id": id_, "enforce_parameter_schema": False}
        made = self.prefect.call("POST", "/deployments/", **{**body, **changes}).raise_for_status().json()
        given = {"request": REQUEST} if parameters is None else parameters
        asked = self.prefect.call("POST", f"/deployments/{made['id']}/create_flow_run", parameters=given)
        return str(asked.raise_for_status().json()["id"])

    def seen(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.prefect.call("POST", "/deployments/filter", limit=100).json()
        return found

    def state(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.prefect.read(f"/flow_runs/{run}")["state"]
        return found

    def ended(self, run: str) -> dict[str, Any]:
        until(lambda: self.state(run)["name"] in FINAL)
        return self.state(run)


@pytest.fixture(scope="module")
def team() -> Iterator[Channel]:
    with Channel(("127.0.0.1", 0), Listener) as server:
        server.heard = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def site(templates: Templates, team: Channel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("decides")
    with templates.copy(forward=ALL) as database, prefects.server(folder / "server") as server:
        url = f"json://127.0.0.1:{team.server_port}/"
        at = desk(database, folder, **server.env, ROLLBACK_TEAM_URLS=url)
        env = through_services(at.env, folder, "production")
        deploy(at)
        site = Site(server, database, at, team.heard, database.checksums())
        _plant(site.evil, folder)
        with prefects.program(
            folder / "worker", [*WORKER, "--work-queue", "production"], {**env, "PREFECT_WORKER_QUERY_SECONDS": "1"}
        ):
            yield site


def _plant(evil: Path, folder: Path) -> None:
    """Write what an attacker would have run: a module for PYTHONPATH, a flow, and approvers."""
    evil.mkdir()
    (evil / "sitecustomize.py").write_text(f"open({str(folder / 'trace-sitecustomize')!r}, 'w')\n")
    (evil / "flow.py").write_text(f"open({str(folder / 'trace-flow')!r}, 'w')\ndef rollback(request): pass\n")
    (evil / "approvers.toml").write_text('[[approver]]\nname = "Eve"\nrole = "CTO"\nsecret = "JBSWY3DPEHPK3PXP"\n')
    (evil / "approvers.toml").chmod(0o600)


def evil_env(site: Site) -> dict[str, str]:
    return {
        "ROLLBACK_APPROVERS_FILE": str(site.evil / "approvers.toml"),
        "ROLLBACK_APPROVERS": (site.evil / "approvers.toml").read_text(),
        "ROLLBACK_TEAM_URLS": "",
        "PGOPTIONS": "-c role=postgres",
        "PGSERVICE": "digitaltwin-staging",
        "PYTHONPATH": str(site.evil),
        "LD_PRELOAD": str(site.evil / "no.so"),
        "PATH": str(site.evil),
    }


def shell(site: Site, name: str) -> str:
    return f"touch {site.desk.folder / name}"


def attack_process(site: Site) -> str:
    """Say of a run's process all that Prefect lets one say."""
    variables = {"env": evil_env(site), "env.ROLLBACK_DECISION_MINUTES": "9999", "working_dir": str(site.evil)}
    return site.run(parameters={"request": REQUEST}, job_variables={**variables, "command": shell(site, "trace-cmd")})


def attack_code(site: Site) -> str:
    """Name code and folder of one's own, with steps before it."""
    steps = [
        {"prefect.deployments.steps.run_shell_script": {"script": shell(site, "trace-pull")}},
        {"prefect.deployments.steps.set_working_directory": {"directory": str(site.evil)}},
    ]
    return site.of(pull_steps=steps, entrypoint="flow.py:rollback")


def attack_parameters(site: Site) -> str:
    """Give a flow what only the worker's settings may say."""
    given = {"request": {"clone": "dump", "dump": "/elsewhere/x"}, "settings": {"target": "test"}}
    return site.of("rehearsal", given, entrypoint="flows.rehearsal:rehearsal")


ATTACKS: dict[str, tuple[Callable[[Site], str], tuple[str, ...]]] = {
    "a process": (
        attack_process,
        ("LD_PRELOAD", "PATH", "PGOPTIONS", "PYTHONPATH", "ROLLBACK_APPROVERS", "job variables command, working_dir"),
    ),
    "a run of another target": (
        lambda s: s.run(parameters={"request": REQUEST}, job_variables={"env": {"ROLLBACK_TARGET": "staging"}}),
        ("names 2 targets (production, staging)",),
    ),
    "a target that the worker has not": (
        lambda s: s.of(job_variables={"env": {"ROLLBACK_TARGET": "../evil"}}),
        ("no target '../evil'", "it has: production"),
    ),
    "code": (attack_code, ("entrypoint is flow.py:rollback", "steps of its own")),
    "parameters": (attack_parameters, ("parameters beside request: settings", "a path on the worker (dump)")),
}


@pytest.fixture(scope="module")
def runs(site: Site) -> dict[str, str]:
    """All attacks at once, each with its run."""
    site.prefect.call("PATCH", f"/deployments/{site.deployment()['id']}", concurrency_limit=None).raise_for_status()
    return {name: attack(site) for name, (attack, _) in ATTACKS.items()}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.attack(
    "api",
    "starts runs with an environment, a command, a folder, steps, an entrypoint, parameters or a target of their own",
    "the worker starts its own program with its own settings and the target's file, and refuses the rest",
)
def test_what_prefect_says_beside_the_target_is_refused_and_told(site: Site, runs: dict[str, str], name: str) -> None:
    state = site.ended(runs[name])
    assert state["name"] == "Refused", state
    assert [word for word in ATTACKS[name][1] if word not in state["message"]] == [], state["message"]
    assert "Nothing was started" in state["message"] and "Do now: " in state["message"]
    until(lambda: any(runs[name] in str(told) or state["message"][:60] in str(told) for told in list(site.team)))
    assert site.traces == [] and site.database.checksums() == site.before


@pytest.mark.attack(
    "api",
    "changes the work pool's command",
    "the worker holds the pool against its own, and starts nothing",
)
def test_a_changed_work_pool_is_refused(site: Site, runs: dict[str, str]) -> None:
    pool = site.prefect.read("/work_pools/rollback")["base_job_template"]
    changed = {**pool, "job_configuration": {**pool["job_configuration"], "command": shell(site, "trace-pool")}}
    site.prefect.call("PATCH", "/work_pools/rollback", base_job_template=changed).raise_for_status()
    try:
        state = site.ended(site.run(parameters={"request": REQUEST}))
    finally:
        site.prefect.call("PATCH", "/work_pools/rollback", base_job_template=pool).raise_for_status()
    assert state["name"] == "Refused" and "job variables command" in state["message"]
    assert site.traces == []


@pytest.mark.attack(
    "api",
    "deletes the runs that were refused, so that nobody sees them",
    "the worker's store keeps them; rollback status counts them",
)
def test_what_was_refused_is_kept_where_nobody_deletes_it_over_the_api(site: Site, runs: dict[str, str]) -> None:
    for run in runs.values():
        site.ended(run)
        site.prefect.call("DELETE", f"/flow_runs/{run}").raise_for_status()
    kept = refusals.read(Settings(state_dir=site.desk.folder / "state"))
    assert kept.day >= len(ATTACKS) and "the worker alone decides" in kept.newest
    said = site.desk.rollback("status").stdout
    assert "Refused runs" in said and f"{kept.day} in the last day" in said


@pytest.mark.attack(
    "api",
    "lets a worker of Prefect's own run the deployment",
    "the flows refuse to work in a process that is not the runbook's worker's",
)
def test_a_worker_of_prefects_own_runs_nothing(site: Site) -> None:
    """What such a worker starts is prefect.engine, in an environment that the API could say."""
    run = site.of(work_queue_name="nobodys")
    site.prefect.call("POST", f"/flow_runs/{run}/set_state", state={"type": "PENDING"}).raise_for_status()
    site.desk.program(sys.executable, "-m", "prefect.engine", PREFECT__FLOW_RUN_ID=run)
    state = site.ended(run)
    assert state["name"] in ("Failed", "Crashed") and "python -m deployments.worker" in state["message"], state
    assert site.database.checksums() == site.before


@pytest.mark.attack(
    "api",
    "cancels a waiting run, so that its process holds the database on",
    "the process ends and lets go of the database",
)
def test_a_waiting_run_that_is_cancelled_ends_with_its_process(site: Site, runs: dict[str, str]) -> None:
    run = site.run(parameters={"request": REQUEST})
    assert site.prefect.waiting()["id"] == run
    cancelling = {"type": "CANCELLING", "name": "Cancelling"}
    site.prefect.call("POST", f"/flow_runs/{run}/set_state", state=cancelling, force=True).raise_for_status()
    assert site.ended(run)["name"] == "Cancelled"
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'rollback%%' AND datname = %s"
    with site.database.server.connect() as admin:
        until(lambda: admin.execute(sessions, [site.database.dbname]).fetchone() == (0,))
    assert not at_baseline(site.database)


def test_the_deployments_of_the_version_before_still_run(site: Site, runs: dict[str, str]) -> None:
    """Registered with the environment that prefect.yaml had: it is what the worker has anyway."""
    env = {
        "PREFECT_LOGGING_EXTRA_LOGGERS": "runbook",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "ROLLBACK_TARGET": "production",
        "PGSERVICE": "digitaltwin-production",
        "ROLLBACK_REHEARSAL_HISTORY": "service=digitaltwin-rehearsals",
    }
    usual = {"request": standingforecast.ForecastRequest().model_dump(mode="json")}
    run = site.of("plan", usual, entrypoint="flows.plan:plan", job_variables={"env": env})
    assert site.ended(run)["name"] == "Completed", site.state(run)
    assert not at_baseline(site.database)
