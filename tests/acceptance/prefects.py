"""Prefect's programs as a site has them: a real server, and workers beside it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from runbook.demo import world
from tests import prefectdb
from tests.acceptance.operator import APPROVAL, ROOT, SCRIPTS, code
from tests.waiting import SECONDS, until

BUSY = 5
"""How often a call is made before it counts that the server is busy."""


@dataclass(frozen=True)
class Prefect:
    """A real Prefect server."""

    port: int
    home: Path

    @property
    def env(self) -> dict[str, str]:
        """What leads a client to it."""
        return {"PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api", "PREFECT_HOME": str(self.home)}

    def call(self, method: str, path: str, **body: Any) -> httpx.Response:
        """Call the REST API, with nothing of Prefect's own; again where SQLite was busy, which is answered by 503."""
        for _ in range(BUSY):
            answer = httpx.request(method, f"{self.env['PREFECT_API_URL']}{path}", json=body or None, timeout=30)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(1)
        return answer

    def read(self, path: str) -> Any:
        """Read one thing over the API."""
        return self.call("GET", path).raise_for_status().json()

    def runs(self, state: str) -> list[dict[str, Any]]:
        """Return the flow runs in a state of this type, such as PAUSED."""
        chosen = {"state": {"type": {"any_": [state]}}}
        found: list[dict[str, Any]] = self.call("POST", "/flow_runs/filter", flow_runs=chosen).json()
        return found

    def waiting(self, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait for the one flow run that waits for its approval."""
        until(lambda: bool(self.runs("PAUSED")), seconds)
        [run] = self.runs("PAUSED")
        return run

    def form(self, run: str) -> dict[str, Any]:
        """Return the form of a waiting run, as soon as it is there."""
        where = f"/flow_runs/{run}"

        def keys() -> Any:
            return self.read(where)["state"]["state_details"]["run_input_keyset"]

        until(lambda: bool(keys()) and self.call("GET", f"{where}/input/{keys()['schema']}").is_success, SECONDS)
        schema: dict[str, Any] = self.read(f"{where}/input/{keys()['schema']}")
        return schema

    def resume(self, run: str, **answer: str) -> httpx.Response:
        """Answer a waiting run, for the plan that its form shows."""
        proof = {"plan": self.form(run)["properties"]["plan"]["default"], "code": code()}
        return self.call("POST", f"/flow_runs/{run}/resume", run_input={**APPROVAL, **proof, **answer})


@contextmanager
def server(home: Path, **env: str) -> Iterator[Prefect]:
    """Run a real Prefect server on a port of its own; on SQLite, unless ``env`` names another database."""
    made = Prefect(world.free_port(), home)
    prefectdb.lend(home)
    words = ["server", "start", "--host", "127.0.0.1", "--port", str(made.port)]
    settings = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_API_URL": made.env["PREFECT_API_URL"],
    }
    with program(home, words, {**made.env, **settings, **env}):
        until(lambda: _healthy(made))
        yield made


@contextmanager
def program(home: Path, words: Sequence[str], env: Mapping[str, str]) -> Iterator[Path]:
    """Run the prefect program, or python, beside a test and lend its log; it ends with everything that it started."""
    home.mkdir(parents=True, exist_ok=True)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "ROLLBACK_", "PREFECT_"))}
    log = home / f"{words[0]}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *words[1:]] if words[0] == "python" else [str(SCRIPTS / "prefect"), *words],
            cwd=home,
            env={**clean, "PYTHONPATH": str(ROOT), **env},
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield log
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program and whatever is left of its session; the runbook's worker stops at once when it is told twice."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(2)
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(15)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _healthy(server: Prefect) -> bool:
    try:
        return server.call("GET", "/health").is_success
    except httpx.HTTPError:
        return False
