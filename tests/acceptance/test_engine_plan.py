"""What the plan sees of the containers that run, on a real Docker engine: adopted, said, or in the way."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from runbook import settings
from runbook.application import health, release, services
from runbook.errors import ReleaseUnusable, ServiceUnhealthy
from runbook.models import Release
from tests.acceptance import engineapp
from tests.acceptance.engineapp import App, Deployed

pytestmark = [pytest.mark.system, pytest.mark.pg("18")]

DEAD = "http://127.0.0.1:9"
"""Where no proxy is."""


both = pytest.mark.parametrize("app", ["docker-compose-1", "docker compose"], indirect=True)


@pytest.fixture(params=["docker compose"])
def app(request: pytest.FixtureRequest, deployed: Deployed) -> Iterator[App]:
    with deployed(request.param) as made:
        made.operator("-p", "prod", "build")
        made.operator("-p", "prod", "up", "-d")
        health.wait_healthy(settings.load())
        yield made
        for name in ("prod", "second"):
            made.operator("-p", name, "down", "--timeout", "1")


def seen(tag: str = "v1") -> Release:
    return release.inspect(settings.load(), tag)


def running(app: App) -> list[str]:
    return sorted(app.engine.docker("ps", "--format", "{{.Names}}").split())


@contextmanager
def stranger(port: int) -> Iterator[None]:
    """Somebody who answers 200 to all questions at a port."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", port), Page) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@both
def test_the_containers_that_run_are_the_ones_that_are_named(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, DEAD)
    plain = seen()
    assert (plain.compose.name, plain.compose.files, plain.blockers) == ("prod", (), ())
    assert sorted(plain.containers) == running(app)
    assert not any("health" in warning for warning in plain.warnings)

    # The same tree by another path.
    link = tmp_path / "current"
    link.symlink_to(app.folder)
    monkeypatch.setenv("ROLLBACK_PROJECT_DIR", str(link))
    assert seen().compose.name == "prod" and seen().blockers == ()
    monkeypatch.setenv("ROLLBACK_PROJECT_DIR", str(app.folder))

    # Another name is set than the one that runs.
    with monkeypatch.context() as patch:
        patch.setenv("COMPOSE_PROJECT_NAME", "other")
        said = " ".join(seen().blockers)
        assert "COMPOSE_PROJECT_NAME=prod" in said and "backend" in said and "frontend" in said

    # What is checked out is no previous release; nor are the same files.
    assert "v2 is what is checked out" in " ".join(seen("v2").blockers)
    app.git("tag", "v2-again", app.git("commit-tree", "-p", "HEAD", "-m", "again", "HEAD^{tree}"))
    assert "holds the very files that are checked out" in " ".join(seen("v2-again").blockers)

    # A second project from the same folder.
    for name in engineapp.NAMES:
        monkeypatch.setenv(f"{name.upper()}_PORT", "0")
    app.operator("-p", "second", "build")
    app.operator("-p", "second", "up", "-d")
    with pytest.raises(ReleaseUnusable, match=r"2 compose projects run from .*prod \(.*\); second \(.*\)"):
        seen()
    with monkeypatch.context() as patch:
        patch.setenv("COMPOSE_PROJECT_NAME", "prod")
        assert seen().blockers == () and "Another project runs from this tree" in " ".join(seen().warnings)


def test_who_answers_in_their_place_is_in_the_way(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    known, planned = settings.load(), seen()
    app.operator("-p", "prod", "pause", "backend")
    assert sorted(seen().containers) == running(app)
    services.stop(known, planned.compose)
    assert running(app) == []
    health.see_silent(known)
    said = " ".join(seen().warnings)
    assert "backend does not run now" in said and seen().blockers == ()
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.5)
    with stranger(app.ports["backend"]):
        assert "No container of backend runs" in " ".join(seen().blockers)
        with pytest.raises(ServiceUnhealthy, match=r"answer as if they ran: .*200"):
            health.see_silent(known)
        # It answers, and yet it is not the release.
        with pytest.raises(ServiceUnhealthy, match=r"backend's container: expected running"):
            health.wait_for_release(known.model_copy(update={"service_seconds": 1}), planned)

    # The same name as somebody else's container: not compose's, and a swarm's.
    image = app.live()[next(iter(app.live()))]
    monkeypatch.delenv("ROLLBACK_HEALTH_URLS")
    labels = ("--label", "com.docker.swarm.service.name=stack_backend", "--label", "com.docker.stack.namespace=stack")
    for words in (("--name", "backend"), labels):
        made = app.engine.docker("run", "-d", "--net=host", *words, image, "/bin/busybox", "sleep", "60")
        try:
            assert "backend runs as" in " ".join(seen().blockers)
        finally:
            app.engine.docker("rm", "-f", made)


@both
def test_an_image_that_nobody_has_is_seen_before_anything_stops(app: App) -> None:
    before = app.containers()
    with app.variant("v1-absent") as folder:
        file = folder / "docker-compose.yml"
        file.write_text(file.read_text() + "  cache:\n    image: 127.0.0.1:9/no/such:1\n    network_mode: host\n")
    with pytest.raises(ReleaseUnusable, match=r"127\.0\.0\.1:9/no/such:1 of the service cache is not on this machine"):
        release.prepare(settings.load(), seen("v1-absent"))
    with app.variant("v1-volume") as folder:
        given = yaml.safe_load((folder / "docker-compose.yml").read_text())
        given["services"]["frontend"]["volumes"] = ["elsewhere:/elsewhere"]
        given["volumes"] = {"elsewhere": {"external": True, "name": "no-such-volume"}}
        (folder / "docker-compose.yml").write_text(yaml.safe_dump(given))
    with pytest.raises(ReleaseUnusable, match="wants the external volume no-such-volume"):
        release.prepare(settings.load(), seen("v1-volume"))
    assert app.containers() == before
    assert [path.name for path in app.folder.parent.glob(f"{app.folder.name}.rollback-*")] == []


def test_a_service_of_the_newer_release_alone_does_not_work_on(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    file = app.folder / "docker-compose.yml"
    worker = "  worker:\n    build: {context: ./frontend, network: host}\n    network_mode: host\n"
    file.write_text(f"{file.read_text()}{worker}    command: [/bin/busybox, sleep, '600']\n    stop_grace_period: 1s\n")
    app.tag("v3")
    app.operator("-p", "prod", "build", "worker")
    app.operator("-p", "prod", "up", "-d", "worker")
    assert "worker runs, is built of the newer release, and v1 has no such service" in " ".join(seen().blockers)
    monkeypatch.setenv("ROLLBACK_SERVICES", "backend frontend worker")
    planned = seen()
    assert planned.blockers == () and "v1 has no service worker: it is stopped, and stays stopped." in planned.warnings
    monkeypatch.setenv("ROLLBACK_HEALTH_URLS", f'{{"frontend": "{app.url("frontend")}"}}')  # the schema is the new one
    known = settings.load()
    release.prepare(known, planned)
    services.stop(known, planned.compose)
    release.switch(known, planned)
    services.up(known, planned)
    checks = {check.name: check.found for check in health.wait_for_release(known, planned)}
    assert checks["worker, which the release does not have"] == "stopped"
    assert seen().commit == planned.commit  # so a run that was killed here can go on
    assert "Release v1" in app.answers("frontend")
