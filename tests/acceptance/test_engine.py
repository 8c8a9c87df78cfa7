"""Services and release on a real Docker engine, with both real compose programs."""

import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from runbook import compose, git, release, services, worktree
from runbook.errors import ReleaseUnusable, ServiceUnhealthy
from runbook.settings import Settings
from tests.acceptance.engine import CLASSIC, CURRENT, Engine, unavailable

pytestmark = pytest.mark.system
_numbers = count(1)
APP = Path(__file__).parent / "app"
PROGRAMS = {
    "docker-compose-1": (CLASSIC, (str(CLASSIC),)),
    "docker-compose-5": (CURRENT, (str(CURRENT),)),
    "docker compose": (CURRENT, ("docker", "compose")),
}


@dataclass(frozen=True)
class App:
    """The application in its git tree, release v2 checked out."""

    folder: Path
    ports: dict[str, int]
    engine: Engine
    settings: Settings

    def answers(self, service: str) -> str:
        path = {"backend": "/cgi-bin/health", "frontend": "/"}[service]
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[service]}{path}", timeout=5) as response:
            return str(response.read().decode())

    def containers(self) -> dict[str, str]:
        """Return the image of each running container, by the container's id."""
        lines = self.engine.docker("ps", "--no-trunc", "--format", "{{.ID}} {{.Image}}").splitlines()
        ids = [line.split()[0] for line in lines]
        return {i: self.engine.docker("inspect", "--format", "{{.Image}}", i) for i in ids}

    def commit(self, tag: str, source: Path) -> None:
        # Not copy2: a file of the same size, written in the same second, is unchanged in git's eyes.
        shutil.copytree(source, self.folder, dirs_exist_ok=True, copy_function=shutil.copy)
        for service in ("backend", "frontend"):
            shutil.copy("/bin/busybox", self.folder / service / "busybox")
        _git(self.folder, "add", ".")
        _git(self.folder, "commit", "-qm", tag)
        _git(self.folder, "tag", tag)


def _git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def _free_ports(*names: str) -> dict[str, int]:
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: s.getsockname()[1] for name, s in sockets.items()}
    for one in sockets.values():
        one.close()
    return ports


@pytest.fixture(params=PROGRAMS)
def app(
    request: pytest.FixtureRequest, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[App]:
    program, words = PROGRAMS[request.param]
    if not program.exists():
        unavailable(f"{program} is not installed")
    for name, value in engine.env.items():
        monkeypatch.setenv(name, value)
    # The folder's name is the project's: images of another test must not be taken for this one's.
    folder, ports = tmp_path / f"twin{next(_numbers)}", _free_ports("backend", "frontend")
    urls = {
        "backend": f"http://127.0.0.1:{ports['backend']}/cgi-bin/health",
        "frontend": f"http://127.0.0.1:{ports['frontend']}/",
    }
    fields = {"project_dir": folder, "compose": words, "health_urls": urls, "service_seconds": 20}
    made = App(folder, ports, engine, Settings.model_validate(fields))
    folder.mkdir()
    _git(folder, "init", "-q", "-b", "main")
    (folder / ".gitignore").write_text(".env\n")
    environment = {f"{name.upper()}_PORT": port for name, port in ports.items()} | {
        "FRONTEND_IMAGE": f"{folder.name}:live"
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    made.commit("v1", APP / "v1")
    made.commit("v2", APP / "v2")
    try:
        yield made
    finally:
        compose.run(made.settings, words, "down", "--timeout", "1")


def _bring_up(app: App) -> tuple[str, ...]:
    words = compose.find(app.settings)
    services.up(app.settings, words)
    services.wait_healthy(app.settings, words)
    return words


def test_services_stop_and_start_and_the_release_changes(app: App) -> None:
    words = _bring_up(app)
    live = app.containers()
    assert '"v2"' in app.answers("backend") and "Release v2" in app.answers("frontend")

    planned = release.inspect(app.settings, "v1")
    place = release.prepare(app.settings, planned)
    assert app.containers() == live and '"v2"' in app.answers("backend")
    assert app.engine.docker("inspect", "--format", "{{.Id}}", f"{app.folder.name}:live") in live.values()

    # Stopped, seen stopped, and started again with the release they had.
    assert services.stop(app.settings, words) == services.Change(True, ())
    assert app.containers() == {}
    with pytest.raises(OSError):
        app.answers("backend")
    assert not services.stop(app.settings, words).changed
    assert set(services.start(app.settings, words).running) == {"backend", "frontend"}
    assert all(check.passed for check in services.wait_healthy(app.settings))
    assert app.containers() == live and '"v2"' in app.answers("backend")

    # Once more, and this time the previous release comes back, with the images that were built before.
    services.stop(app.settings, words)
    release.switch(app.settings, planned)
    services.up(app.settings, words)
    checks = services.wait_healthy(app.settings, words)
    assert [check.found for check in checks] == ["200", "200"]
    assert '"v1"' in app.answers("backend") and "Release v1" in app.answers("frontend")
    built = app.engine.docker("images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}")
    before = {line.split()[0] for line in built.splitlines() if release.project(app.folder, planned) in line}
    assert set(app.containers().values()) == before

    release.clean(app.settings, planned)
    release.back(app.settings, planned)
    assert not place.exists() and git.current(app.folder) == "main"


def test_trouble_is_said_and_leaves_the_live_release_alone(app: App, tmp_path: Path) -> None:
    words = _bring_up(app)
    live = app.containers()

    # A release whose image cannot be built.
    broken = tmp_path / "broken"
    (broken / "backend").mkdir(parents=True)
    (broken / "backend" / "Dockerfile").write_text("FROM scratch\nCOPY no-such-file /\n")
    app.commit("v3", broken)
    planned = release.inspect(app.settings, "v3")
    with pytest.raises(ReleaseUnusable, match=r"(?s)images of v3 could not be built .*no-such-file"):
        release.prepare(app.settings, planned)
    assert not worktree.path(app.folder, planned).exists()

    # A service that answers, but not well; and one that does not run.
    changes = {"health_urls": {"backend": f"http://127.0.0.1:{app.ports['backend']}/no-such-page"}}
    impatient = Settings.model_validate({**app.settings.model_dump(), **changes, "service_seconds": 1})
    with pytest.raises(ServiceUnhealthy, match="expected 2xx, found 404 Not Found"):
        services.wait_healthy(impatient, words)
    compose.run(app.settings, words, "stop", "frontend")
    with pytest.raises(ServiceUnhealthy, match="frontend's container: expected running, found not running"):
        services.wait_healthy(impatient, words)
    services.start(app.settings, words)
    assert app.containers() == live

    # Containers that are gone cannot be started as they were.
    compose.run(app.settings, words, "down", "--timeout", "1")
    with pytest.raises(ServiceUnhealthy, match=r"(?s)Not running .* backend, frontend.*(?i:no container)"):
        services.start(app.settings, words)
