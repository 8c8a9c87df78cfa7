"""The runbook: `rollback run` as an operator starts it, approved over the API as soon as it waits."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import httpx
import psycopg

from benchmarks import cluster
from benchmarks.scene import TOLD, Scene
from runbook import database, journal, settings
from runbook.approval import approverfile, approvers, onetime
from runbook.approval.answer import Answer
from runbook.demo import world
from runbook.errors import RollbackError
from runbook.models import Step

CONSOLE = (sys.executable, "-c", "from flows.cli import main; main()")
WORDS = (
    *("run", "--incident", "BENCHMARK-1", "--reason", "To measure it.", "--previous-tag", "v1"),
    *("--triggers", "critical functionality broken: chat", "--oauth", "temporary passwords", "--no-notify-users"),
)
NAME = "Ada Lovelace"
TRANSACTION = Path(__file__).parent / "transaction.sql"
SECONDS = 1800
NOTIFIED = re.compile(r"^\S+\s+notify\b", re.MULTILINE)
"""How the line of the step begins in the run's output."""
TAIL = 3000
"""How many characters of a failed run's output are shown."""
POLL_SECONDS = 0.1


@contextmanager
def prefect(folder: Path) -> Iterator[None]:
    """Run a Prefect server for all runs of this benchmark, and point this process's environment at it."""
    url = f"http://127.0.0.1:{(port := world.free_port())}/api"
    environment = {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    words = (sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
    with cluster.pointed(environment), (folder / "prefect.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            _until_it_answers(url, process)
            yield
        finally:
            process.terminate()
            process.wait()


def _until_it_answers(url: str, process: "subprocess.Popen[bytes]", seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(f"{url}/health", timeout=3).is_success:
                return
        except httpx.HTTPError:
            time.sleep(POLL_SECONDS)
    raise RuntimeError("Prefect's server did not start.")


def roll_back(scene: Scene) -> None:
    """Run the runbook from plan to report. Raises RuntimeError with its last words when it does not end well."""
    environment = {
        "ROLLBACK_TARGET": "benchmark",
        "ROLLBACK_BACKUP_DIR": str(scene.folder / "backups"),
        "ROLLBACK_REPORT_DIR": str(scene.folder / "reports"),
        "ROLLBACK_APPROVERS_FILE": str(scene.folder / "approvers.toml"),
        "ROLLBACK_STATE_DIR": str(scene.folder / "state"),
    }
    file = scene.folder / "run.log"
    with cluster.pointed(environment), file.open("w", encoding="utf-8") as log:
        approverfile.add(settings.load(), NAME, "CTO")
        process = subprocess.Popen(
            [*CONSOLE, *WORDS], cwd=scene.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=os.environ
        )
        try:
            with scene.part(TOLD):
                _approve(process)
                _until_told(process, file)
            if not scene.whole:
                process.terminate()
            status = process.wait(SECONDS)
        finally:
            process.kill()
    if status and scene.whole:
        raise RuntimeError(f"rollback run ended with {status}:\n{file.read_text(encoding='utf-8')[-TAIL:]}")
    with closing(database.connect()) as conn:
        scene.parts.update(_steps(conn))


def _until_told(process: "subprocess.Popen[bytes]", file: Path) -> None:
    """Wait until the run says that its step notify ended. Raises RuntimeError when it ends before."""
    while not NOTIFIED.search(said := file.read_text(encoding="utf-8")):
        if process.poll() is not None:
            raise RuntimeError(f"rollback run ended with {process.returncode}:\n{said[-TAIL:]}")
        time.sleep(POLL_SECONDS)


def _approve(process: "subprocess.Popen[bytes]") -> None:
    """Answer the run as soon as it waits, unless it ended before."""
    from flows import approving  # noqa: PLC0415 - Prefect reads its settings when it is imported

    while process.poll() is None:
        try:
            run = approving.waiting(None)
        except RollbackError:
            time.sleep(POLL_SECONDS)
            continue
        one = approvers.read(settings.load())[0]
        code = onetime.code(one.secret.get_secret_value(), onetime.step(datetime.now(UTC)))
        said = {"decision": "approve", "name": one.name, "role": one.role, "plan": approving.plan_of(run)}
        approving.give(run.id, Answer.model_validate({**said, "code": code}))
        return


def _steps(conn: psycopg.Connection) -> dict[str, float]:
    """Return how long each step of the run took, the transaction as a whole, and the time between the steps."""
    steps = journal.steps(conn, journal.runs(conn)[0]["id"])
    row = conn.execute(TRANSACTION.read_bytes()).fetchone()
    whole = {"transaction": float(row[0]) if row else 0.0, "between the steps, inside the outage": _between(steps)}
    return {**{step.name: step.seconds for step in steps if step.outcome != "failed"}, **whole}


def _between(steps: Sequence[Step]) -> float:
    """Return how much time from the services' stop to their start belongs to no step: it is Prefect's."""
    names = [step.name for step in steps]
    inside = steps[names.index("stop services") : names.index("open and start") + 1]
    gaps = [(after.started - (before.ended or after.started)).total_seconds() for before, after in pairwise(inside)]
    return sum(gaps)
