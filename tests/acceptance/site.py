"""A site as an operator finds it: a Prefect server that has the deployments, a worker, and a service file for libpq."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance import prefects
from tests.acceptance.operator import ROOT, Desk
from tests.acceptance.prefects import Prefect
from tests.waiting import until

FINAL = ("Completed", "Declined", "Refused", "Cancelled", "Failed", "Crashed")
PARTS = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
WORKER = ("python", "-m", "deployments.worker")
TARGETS = ROOT / "deployments" / "host" / "targets"


@dataclass(frozen=True)
class Site:
    """A server, and a desk whose programs talk to it; production and staging are where the service file leads."""

    prefect: Prefect
    desk: Desk

    @property
    def ui(self) -> str:
        """The address of the pages that people see."""
        return self.prefect.env["PREFECT_API_URL"].removesuffix("/api")

    def deployment(self, name: str) -> str:
        """Return a deployment's id."""
        return str(self.prefect.read(f"/deployments/name/{name}")["id"])

    def state(self, run: str) -> str:
        """Return the name of the state that a run is in."""
        return str(self.prefect.read(f"/flow_runs/{run}")["state"]["name"])

    def ended(self, run: str) -> str:
        """Wait for a run's end and return its name."""
        until(lambda: self.state(run) in FINAL)
        return self.state(run)

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs of the flow rollback."""
        chosen = {"flows": {"name": {"any_": ["rollback"]}}}
        found: list[dict[str, Any]] = self.prefect.call("POST", "/flow_runs/filter", **chosen).json()
        return found


@contextmanager
def opened(env: Mapping[str, str], folder: Path) -> Iterator[Site]:
    """Run a server and a worker for the database that ``env`` leads to; production and staging are the same one."""
    clean = through_services(env, folder, "production", "staging")
    with prefects.server(folder / "server") as server:
        at = Desk(folder, {**clean, **server.env})
        deploy(at)
        with prefects.program(folder / "worker", WORKER, {**at.env, "PREFECT_WORKER_QUERY_SECONDS": "1"}):
            until(lambda: _ready(server))
            yield Site(server, at)


def _ready(server: Prefect) -> bool:
    """Tell whether the worker has asked for work."""
    return bool(server.read("/work_pools/rollback/queues/production")["status"] == "READY")


def through_services(env: Mapping[str, str], folder: Path, *targets: str) -> dict[str, str]:
    """Return an environment that leads to the same database as ``env``, by the service of each of the targets."""
    clean = {name: value for name, value in env.items() if not name.startswith("PG") and name != "ROLLBACK_TARGET"}
    place = {part: env[pg] for part, pg in PARTS.items()}
    install_targets(folder, *targets)
    return clean | {"PGSERVICEFILE": str(service_file(folder, {f"digitaltwin-{name}": place for name in targets}))}


def install_targets(folder: Path, *names: str) -> None:
    """Install the shipped files of these targets beside the approvers' file, as deployments/README.md says."""
    place = folder / "targets"
    place.mkdir(mode=0o700, exist_ok=True)
    for name in names:
        file = place / f"{name}.env"
        file.write_text((TARGETS / f"{name}.env").read_text())
        file.chmod(0o600)


def service_file(folder: Path, places: Mapping[str, Mapping[str, str]]) -> Path:
    """Write libpq's service file."""
    file = folder / "pg_service.conf"
    sections = ("\n".join([f"[{name}]", *(f"{k}={v}" for k, v in place.items())]) for name, place in places.items())
    file.write_text("\n".join(sections) + "\n")
    return file


def deploy(desk: Desk) -> None:
    """Register the deployments of prefect.yaml, as make deploy does."""
    registered = desk.program(sys.executable, "-m", "deployments.deploy")
    assert registered.returncode == 0, registered.stdout + registered.stderr
