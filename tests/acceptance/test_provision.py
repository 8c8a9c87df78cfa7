"""A host set up as the documents say: units, settings, PostgreSQL, password, certificate, a stopped worker."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from runbook.demo import world
from tests import servers
from tests.acceptance import hosting
from tests.acceptance.hosting import AUTH, Guarded
from tests.acceptance.operator import ROOT, Desk, Done, at_baseline, desk
from tests.acceptance.site import through_services
from tests.databases import Database, Templates
from tests.servers import Server
from tests.waiting import until

pytestmark = [pytest.mark.pg("18"), pytest.mark.timeout(420)]
REQUEST = {
    "incident": "INC-12",
    "reason": "Chat answers with errors.",
    "triggers": ["critical functionality broken: chat"],
    "oauth": "temporary passwords",
    "requested_by": "Grace Hopper",
}


@dataclass(frozen=True)
class Site:
    """A server behind its proxy, Prefect's own PostgreSQL, and the database that production means there."""

    prefect: Guarded
    store: Server
    database: Database
    desk: Desk
    env: dict[str, str]

    def create(self, deployment: str, **parameters: Any) -> str:
        """Ask for a run."""
        there = self.prefect.read(f"/deployments/name/{deployment}")["id"]
        made = self.prefect.call("POST", f"/deployments/{there}/create_flow_run", parameters=parameters)
        return str(made.raise_for_status().json()["id"])

    def state(self, run: str) -> str:
        return str(self.prefect.read(f"/flow_runs/{run}")["state"]["name"])

    def deploy(self, **env: str) -> Done:
        """Register everything with a worker's settings, some of them changed."""
        told = {name: value for name, value in (self.env | env).items() if value}
        return subprocess.run(
            [sys.executable, "-m", "deployments.deploy"],
            cwd=ROOT,
            env=told,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )


@pytest.fixture(scope="module")
def site(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("host")
    with ExitStack() as stack:
        database = stack.enter_context(templates.copy(forward=("010", "011", "012", "013")))
        store = servers.start("17")  # with pg_trgm, which Prefect's tables need
        stack.callback(store.stop)
        with store.connect() as admin:
            admin.execute("CREATE ROLE prefect LOGIN")
            admin.execute("CREATE DATABASE prefect OWNER prefect")
        where = f"postgresql+asyncpg://prefect@/prefect?host={store.host}&port={store.port}"
        port = world.free_port()
        guarded = stack.enter_context(hosting.server(folder, port, world.free_port(), where))
        at = desk(database, folder, PREFECT_API_URL=guarded.url)
        yield Site(guarded, store, database, at, _worker_env(at, guarded))


def _worker_env(at: Desk, guarded: Guarded) -> dict[str, str]:
    """Return what a worker is told: the shipped file, with this host's folders, password and certificate."""
    instead = {"/var/lib/rollback": str(at.folder), "rollback:API_PASSWORD": ":".join(AUTH)}
    instead |= {
        "/etc/ssl/certs/ca-certificates.crt": str(guarded.certificate),
        "PREFECT_HOST": f"localhost:{guarded.port}",
    }
    return through_services(at.env, at.folder, "production", "staging") | hosting.settings("worker.env", instead)


def test_nobody_gets_in_without_password_certificate_and_token(site: Site) -> None:
    pools, trust = f"{site.prefect.url}/work_pools/none", site.prefect.trust
    assert httpx.get(pools, verify=trust).status_code == 401
    assert httpx.get(pools, verify=trust, auth=("rollback", "wrong")).status_code == 401
    assert httpx.get(pools, verify=trust, auth=AUTH).status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(pools, auth=AUTH)
    flows = f"{site.prefect.url}/flows/filter"
    assert httpx.post(flows, json={}, verify=trust, auth=AUTH).status_code == 403, "no token"
    assert site.prefect.call("POST", "/flows/filter").status_code == 200

    refused = site.deploy(PREFECT_API_AUTH_STRING="")
    assert refused.returncode == 1 and "Set PREFECT_API_AUTH_STRING." in refused.stderr, refused.stderr
    stranger = site.deploy(PREFECT_API_SSL_CERT_FILE="")
    assert stranger.returncode == 1 and "CERTIFICATE_VERIFY_FAILED" in stranger.stderr, stranger.stderr
    for done in (refused, stranger):
        assert "Traceback" not in done.stdout + done.stderr and AUTH[1] not in done.stdout + done.stderr


def test_the_pages_know_their_address(site: Site) -> None:
    base = site.prefect.url.removesuffix("/api")
    with httpx.Client(verify=site.prefect.trust, auth=AUTH) as client:
        page = client.get(base)
        assert page.is_success and "text/html" in page.headers["content-type"]
        assert "max-age" in page.headers["strict-transport-security"]
        # Where the unit may write: under systemd the program's own folder is read-only.
        pages = site.desk.folder / "home" / "ui"
        assert {file.parent.name for file in pages.glob("*/index.html")} == {"v1", "v2"}
        assert client.get(f"{base}/ui-settings").json()["api_url"] == site.prefect.url
    plain = httpx.Client(transport=httpx.HTTPTransport(uds=str(site.desk.folder / "http")))
    with plain:
        moved = plain.get("http://localhost/runs")
    assert (moved.status_code, moved.headers["location"]) == (301, "https://localhost/runs")


@contextmanager
def worker_program(
    folder: Path, words: list[str], env: dict[str, str]
) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """Run what the worker's unit starts; whatever is left of it in the end is killed."""
    folder.mkdir()
    log = folder / "worker.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *words[1:]],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            yield process, log
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_worker_that_is_stopped_finishes_the_rollback_that_it_has(site: Site) -> None:
    done = site.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing had to be changed." in site.deploy().stdout

    words = hosting.words("rollback-worker@.service", **{"%i": "production", "%H": "here"})
    env = {**site.env, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    folder = site.desk.folder / "worker"
    with worker_program(folder, words, env) as (worker, log):
        run = site.create("rollback/production", request=REQUEST)
        assert site.prefect.waiting()["id"] == run
        # As systemd does it with KillMode=mixed: the worker alone gets the signal.
        worker.send_signal(signal.SIGTERM)
        other = site.create("plan/production")
        assert site.prefect.resume(run).json()["status"] == "ACCEPT"
        until(lambda: site.state(run) in ("Completed", "Failed", "Crashed"), 180)
        assert site.state(run) == "Completed", log.read_text()
        assert worker.wait(60) == 0, log.read_text()
        assert site.state(other) in ("Scheduled", "Late"), "a worker that ends takes nothing more"
    assert at_baseline(site.database)

    rows = site.prefect.call("POST", "/logs/filter", logs={"flow_run_id": {"any_": [run]}}, limit=200).json()
    assert any("back up: done in" in row["message"] for row in rows), "logs came through the proxy"
    # Events come by a web socket; a run says by one that it is alive.
    resource = {"id": [f"prefect.flow-run.{run}"]}
    chosen = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": resource}
    assert site.prefect.call("POST", "/events/filter", filter=chosen).json()["total"] >= 1


def test_what_prefect_knows_lies_in_its_own_postgresql(site: Site) -> None:
    with site.store.connect("prefect") as conn:
        found = conn.execute("SELECT count(*) FROM deployment").fetchone()
        assert found and found[0] == len(site.prefect.call("POST", "/deployments/filter").json()) > 0
    assert not list(Path(site.desk.folder).rglob("prefect.db"))
    assert AUTH[1] not in json.dumps(site.prefect.call("POST", "/deployments/filter").json())
