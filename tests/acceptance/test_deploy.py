"""make deploy on a real Prefect server: it makes everything, then nothing, and after an edit only that."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance import prefects
from tests.acceptance.operator import ROOT, SCRIPTS, Done
from tests.acceptance.prefects import Prefect

NAMES = ["rollback/production", "rollback/staging", "plan/production", "snapshots/production", "rehearsal/staging"]
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """A server on which nothing is registered yet."""
    with prefects.server(tmp_path_factory.mktemp("empty")) as server:
        yield server


def run(*words: str, **env: str) -> Done:
    """Run a program at the root of the project, with this environment and none of Prefect's own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "ROLLBACK_", "PREFECT_"))}
    return subprocess.run(
        words,
        cwd=ROOT,
        env={**clean, "PYTHONPATH": str(ROOT), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def installed(folder: Path) -> Path:
    """Return what make takes for its virtual environment, with the packages of the one that runs the tests."""
    folder.mkdir()
    for name in ("bin", "lib", "lib64", "pyvenv.cfg"):
        (folder / name).symlink_to(Path(sys.prefix) / name)
    (folder / ".run").touch()
    return folder


def deploy(server: Prefect, *words: str) -> str:
    """Register, and return what was said."""
    done = run(sys.executable, "-m", "deployments.deploy", *words, **server.env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def edited(folder: Path, edit: Edit) -> str:
    """Return a prefect.yaml of one's own in which ``edit`` changed something."""
    file = folder / "prefect.yaml"
    # By way of JSON, since what YAML's anchors share would be edited everywhere.
    document = json.loads(json.dumps(yaml.safe_load((ROOT / "prefect.yaml").read_text())))
    edit({f"{entry['entrypoint'].split(':')[1]}/{entry['name']}": entry for entry in document["deployments"]})
    file.write_text(yaml.safe_dump(document))
    return str(file)


def standing(server: Prefect) -> dict[str, Any]:
    """Return all that the server holds of each deployment: ids, versions, times of change, schedules."""
    rows = server.call("POST", "/deployments/filter", limit=50).raise_for_status().json()
    # Two that a worker's or scheduler's look at the deployment moves.
    return {f"{row['entrypoint']} {row['name']}": row | {"last_polled": None, "status": None} for row in rows}


def changed(server: Prefect, before: dict[str, Any]) -> set[str]:
    now = standing(server)
    return {name for name in now.keys() | before.keys() if now.get(name) != before.get(name)}


def planned(server: Prefect) -> set[str]:
    """Return the runs that schedules have planned."""
    return {row["id"] for row in server.runs("SCHEDULED")}


def test_the_first_run_makes_all_and_the_second_changes_nothing(empty: Prefect, tmp_path: Path) -> None:
    venv = installed(tmp_path / "venv")
    first = run("make", "deploy", f"VENV={venv}", **empty.env)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "work pool rollback: made" in first.stdout
    assert [name for name in NAMES if f"{name}: registered, new" in first.stdout] == NAMES
    assert empty.read("/work_pools/rollback")["type"] == "process"
    before, runs = standing(empty), planned(empty)
    assert len(before) == len(NAMES)

    second = run("make", "deploy", f"VENV={venv}", **empty.env)
    assert second.returncode == 0 and "Nothing had to be changed." in second.stdout
    assert second.stdout.count("already so, skipped") == len(NAMES) + 1
    assert second.stdout.count("left out") == 5 and "ROLLBACK_ALERT_WEBHOOK" in second.stdout
    assert changed(empty, before) == set()
    assert runs <= planned(empty)


def test_an_edit_changes_that_deployment_alone(empty: Prefect, tmp_path: Path) -> None:
    deploy(empty)
    before = standing(empty)
    file = edited(tmp_path, lambda d: d["rollback/staging"].update(description="For practice."))
    said = deploy(empty, file)
    assert "rollback/staging: changed: description\n" in said and "Changed: rollback/staging.\n" in said
    assert changed(empty, before) == {"flows.rollback:rollback staging"}
    assert empty.read("/deployments/name/rollback/staging")["description"] == "For practice."
    assert "Changed: rollback/staging." in deploy(empty)


CHANGES: dict[str, Edit] = {
    "tags": lambda d: d["rollback/staging"].update(tags=["rollback", "staging", "practice"]),
    "job_variables": lambda d: d["rollback/staging"]["work_pool"]["job_variables"]["env"].update(
        ROLLBACK_TARGET="practice"
    ),
    "parameters": lambda d: d["rollback/staging"].update(parameters={"request": {"oauth": "keep"}}),
    "concurrency_limit": lambda d: d["rollback/staging"]["concurrency_limit"].update(limit=2),
    "concurrency_options": lambda d: d["rollback/staging"]["concurrency_limit"].update(collision_strategy="ENQUEUE"),
    "schedules": lambda d: d["rollback/staging"].update(schedules=[{"cron": "0 4 * * 1", "slug": "weekly"}]),
    "work_queue_name": lambda d: d["rollback/staging"]["work_pool"].update(work_queue_name="practice"),
    "enforce_parameter_schema": lambda d: d["rollback/staging"].update(enforce_parameter_schema=False),
    "paused": lambda d: d["rollback/staging"].update(paused=True),
}


def test_each_kind_of_edit_is_seen_registered_and_then_settled(empty: Prefect, tmp_path: Path) -> None:
    deploy(empty)
    before = standing(empty)

    def every(found: dict[str, Any]) -> None:
        for edit in CHANGES.values():
            edit(found)

    file = edited(tmp_path, every)
    [line] = [line for line in deploy(empty, file).splitlines() if "rollback/staging: " in line]
    assert set(line.partition("changed: ")[2].split(", ")) == set(CHANGES)
    assert "Nothing had to be changed." in deploy(empty, file)
    assert changed(empty, before) == {"flows.rollback:rollback staging"}
    there = empty.read("/deployments/name/rollback/staging")
    assert there["global_concurrency_limit"]["limit"] == 2 and there["work_queue_name"] == "practice"
    empty.call("POST", f"/deployments/{there['id']}/resume_deployment")
    # Back to prefect.yaml: what the file does not name any more goes, the schedule too.
    assert "Changed: rollback/staging." in deploy(empty)
    assert empty.read("/deployments/name/rollback/staging")["schedules"] == []
    assert "Nothing had to be changed." in deploy(empty)


def test_a_schedule_that_an_operator_paused_stays_paused(empty: Prefect, tmp_path: Path) -> None:
    deploy(empty)
    plan = empty.read("/deployments/name/plan/production")
    place = f"/deployments/{plan['id']}/schedules/{plan['schedules'][0]['id']}"
    assert empty.call("PATCH", place, active=False).is_success
    assert "Nothing had to be changed." in deploy(empty)
    deploy(empty, edited(tmp_path, lambda d: d["plan/production"]["schedules"][0].update(interval=900)))
    [schedule] = empty.read("/deployments/name/plan/production")["schedules"]
    assert schedule["schedule"]["interval"] == 900 and not schedule["active"]
    assert empty.call("PATCH", place, active=True).is_success
    deploy(empty)


def test_what_prefect_deploy_registers_is_the_same(empty: Prefect) -> None:
    deploy(empty)
    # Where the tree has a remote, prefect deploy takes its commit for the version, which would change with each commit.
    done = run(str(SCRIPTS / "prefect"), "--no-prompt", "deploy", "--all", **empty.env, GIT_DIR=str(Path(os.devnull)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing had to be changed." in deploy(empty)


def test_the_prefect_yaml_of_an_earlier_version_registers_nothing_and_says_what_to_do(
    empty: Prefect, tmp_path: Path
) -> None:
    deploy(empty)
    before = standing(empty)

    def earlier(found: dict[str, Any]) -> None:
        env = found["rollback/production"]["work_pool"]["job_variables"]["env"]
        env |= {"PGSERVICE": "digitaltwin-production", "ROLLBACK_APPROVERS": "{{ prefect.blocks.secret.approvers }}"}

    file = edited(tmp_path, earlier)
    refused = run(sys.executable, "-m", "deployments.deploy", file, **empty.env)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert "job_variables.env.PGSERVICE belongs into the target's file on the worker" in refused.stderr
    assert changed(empty, before) == set()
    made = run(sys.executable, "-m", "deployments.targets", file, ROLLBACK_TARGETS_DIR=str(tmp_path))
    assert f"# {tmp_path}/production.env\n" in made.stdout and "PGSERVICE=digitaltwin-production\n" in made.stdout
    assert "# ROLLBACK_APPROVERS came from Prefect" in made.stdout


def test_a_deployment_of_somebody_else_is_named_and_left(empty: Prefect, tmp_path: Path) -> None:
    deploy(empty, edited(tmp_path, lambda d: d["rollback/staging"].update(name="older")))
    assert "rollback/older: not in prefect.yaml, left as it is" in deploy(empty)
    older = empty.read("/deployments/name/rollback/older")
    empty.call("DELETE", f"/deployments/{older['id']}")


@pytest.mark.parametrize(
    ("url", "words"),
    [("", "No Prefect server is configured."), ("http://127.0.0.1:9/api", "does not answer"), ("nonsense", "does not")],
)
def test_without_a_server_it_says_what_to_do(url: str, words: str, tmp_path: Path) -> None:
    env = {"PREFECT_HOME": str(tmp_path), **({"PREFECT_API_URL": url} if url else {})}
    done = run(sys.executable, "-m", "deployments.deploy", **env)
    assert done.returncode == 1 and words in done.stderr and "Do now: " in done.stderr
    assert "export PREFECT_API_URL=" in done.stderr and "Traceback" not in done.stderr


def test_a_deployment_that_the_server_refuses_is_named(empty: Prefect, tmp_path: Path) -> None:
    file = edited(tmp_path, lambda d: d["rollback/staging"].update(parameters={"request": {"oauth": "forget"}}))
    done = run(sys.executable, "-m", "deployments.deploy", file, **empty.env)
    assert done.returncode == 1 and "refused (409)" in done.stderr and "Traceback" not in done.stderr
