"""Applications that are started in other ways than the usual one, on a real Docker engine: the whole rollback."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prefect.settings import PREFECT_API_URL

from tests import processes, runbook_runs, waiting
from tests.acceptance import engineapp
from tests.acceptance.engineapp import App, Deployed
from tests.databases import Database

pytestmark = [pytest.mark.system, pytest.mark.pg("18"), pytest.mark.usefixtures("prefect"), pytest.mark.timeout(300)]

PLAIN = "docker-compose.yml"
WORKER = ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do /bin/busybox sleep 0.1; done"]
STARTED = ("-p", "prod", "-f", PLAIN, "-f", "prod.yml", "--profile", "jobs")
RUN = "from tests import runbook_runs; runbook_runs.run(previous_tag='v1x')"


@pytest.fixture(params=engineapp.PROGRAMS)
def app(request: pytest.FixtureRequest, deployed: Deployed, tmp_path: Path) -> Iterator[App]:
    """The application with a submodule, a second file and a profile, run as project prod, its worker twice."""
    with deployed(request.param) as made:
        library = tmp_path / "library"
        for number, old in (("1", "v1"), ("2", "main")):
            write_library(library, number)
            made.git("checkout", "-q", old)
            elaborate(made, library)
            made.tag(f"v{number}x")
        library.rename(tmp_path / "unreachable")
        words = ["--build"] if made.program != "docker-compose-1" else []
        made.operator(*STARTED, "build")
        made.operator(*STARTED, "up", "-d", *words, "--scale", "worker=2")
        yield made
        made.operator(*STARTED, "down", "--timeout", "1")


def write_library(folder: Path, number: str) -> None:
    """Commit a version of the library that the application has as a submodule."""
    folder.mkdir(exist_ok=True)
    (folder / "version").write_text(f"library {number}\n")
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", number]):
        identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def elaborate(app: App, library: Path) -> None:
    """Add to what is checked out: a submodule in a build context, a second file, and a worker with a profile."""
    place = app.folder / "frontend" / "www" / "library"
    allowed = ("-c", "protocol.file.allow=always")
    app.git(*allowed, "submodule", "--quiet", "add", "--force", str(library), "frontend/www/library")
    subprocess.run(["git", "fetch", "-q"], cwd=place, check=True)
    subprocess.run(["git", "checkout", "-q", "origin/main"], cwd=place, check=True)
    given = yaml.safe_load((app.folder / PLAIN).read_text())
    given["services"]["worker"] = {
        "build": {"context": "./frontend", "network": "host"},
        "network_mode": "host",
        "profiles": ["jobs"],
        "command": WORKER,
    }
    (app.folder / PLAIN).write_text(yaml.safe_dump(given))
    more = {"version": "3.4", "services": {"frontend": {"environment": {"STAGE": "production"}}}}
    (app.folder / "prod.yml").write_text(yaml.safe_dump(more))


def released(app: App, number: str) -> None:
    """Assert that everything which runs is this release, in the project and from the files that ran before."""
    assert f'"v{number}"' in app.answers("backend") and f"Release v{number}" in app.answers("frontend")
    assert app.answers("frontend", "/library/version") == f"library {number}\n"
    assert (app.folder / "frontend/www/library/version").read_text() == f"library {number}\n"
    label = '{{.Label "com.docker.compose.project"}} {{.Label "com.docker.compose.service"}}'
    shown = sorted(app.engine.docker("ps", "--format", label).splitlines())
    assert shown == ["prod backend", "prod frontend", "prod worker", "prod worker"]
    form = "{{.Config.Env}} {{.Image}}"
    ids = {
        name: app.engine.docker("ps", "-q", "--filter", f"label=com.docker.compose.service={name}").split()
        for name in ("frontend", "worker")
    }
    assert "STAGE=production" in app.engine.docker("inspect", "--format", form, *ids["frontend"])
    images = {app.engine.docker("inspect", "--format", "{{.Image}}", one) for one in ids["worker"]}
    assert len(images) == 1


def test_another_name_two_files_a_profile_replicas_and_a_submodule(app: App, transformed: Database) -> None:
    before = app.containers()
    released(app, "2")
    state = runbook_runs.run(previous_tag="v1x")
    assert state.is_completed(), state.message
    released(app, "1")
    assert not set(before.values()) & set(app.containers().values())
    told = engineapp.journal(transformed)
    assert len(told["stop services"]["containers"]) == 2
    assert told["restore release"]["images"] == "built beforehand"


@pytest.mark.parametrize("app", ["docker compose"], indirect=True)
def test_killed_while_git_checks_out_the_same_command_finishes(
    app: App, transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A filter that sleeps where it is told to: git is half way through the files then, and holds its lock.
    here, slow = tmp_path / "here", tmp_path / "slow"
    program = tmp_path / "smudge"
    asleep = f"[ -e {slow} ] && echo $$ > {here} && sleep 600"
    program.write_text(f'#!/bin/sh\ncase "$PWD" in *rollback-*) ;; *) {asleep};; esac\nexec cat\n')
    program.chmod(0o755)
    app.git("config", "filter.slow.smudge", str(program))
    (app.folder / ".git" / "info" / "attributes").write_text("release filter=slow\n")
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))  # the doomed runner shares this server
    slow.touch()
    doomed = subprocess.Popen([sys.executable, "-c", RUN], env=os.environ, start_new_session=True)
    try:
        waiting.until(lambda: here.exists() and here.read_text().strip() != "", seconds=150)
    finally:
        os.killpg(doomed.pid, signal.SIGKILL)
        doomed.wait()
    for process in processes.working_in(app.folder):  # git, and its filter
        os.kill(process, signal.SIGKILL)
    waiting.until(lambda: not processes.working_in(app.folder))
    slow.unlink()
    assert (app.folder / ".git" / "index.lock").exists()
    assert app.git("rev-parse", "HEAD") == app.git("rev-parse", "v2x")
    state = runbook_runs.run(silent=True, previous_tag="v1x")
    assert state.is_completed(), state.message
    released(app, "1")
    assert app.git("status", "--porcelain") == ""
