"""Services and release on a real Docker engine, with both real compose programs, one function at a time."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from runbook import settings
from runbook.application import compose, fitness, git, health, images, release, services, worktree
from runbook.errors import ReleaseUnfit, ReleaseUnusable, ServiceUnhealthy
from tests.acceptance import engineapp
from tests.acceptance.engineapp import App, Deployed

pytestmark = [pytest.mark.system, pytest.mark.pg("18")]


@pytest.fixture(params=engineapp.PROGRAMS)
def app(request: pytest.FixtureRequest, deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    with deployed(request.param) as made:
        made.bring_up()
        # The schema stays the new one here, which the old backend does not work on.
        monkeypatch.setenv("ROLLBACK_HEALTH_URLS", f'{{"frontend": "{made.url("frontend")}"}}')
        yield made


def test_services_stop_and_start_and_the_release_changes(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    known, words = settings.load(), app.project
    live, names = app.containers(), app.live()
    assert '"v2"' in app.answers("backend") and "Release v2" in app.answers("frontend")

    planned = release.inspect(known, "v1")
    place = release.prepare(known, planned)
    assert app.containers() == live and '"v2"' in app.answers("backend")
    assert app.live() == names  # the images that were built beforehand have names of their own

    # Stopped, seen stopped, and started again with the release they had.
    ran = sorted(app.engine.docker("ps", "--format", "{{.Names}}").split())
    stopped = services.stop(known, words)
    assert (stopped.changed, stopped.running, sorted(stopped.containers)) == (True, (), ran)
    assert app.containers() == {}
    with pytest.raises(OSError):
        app.answers("backend")
    assert not services.stop(known, words).changed
    assert set(services.start(known, words).running) == {"backend", "frontend"}
    assert all(check.passed for check in health.wait_healthy(known))
    assert app.containers() == live and '"v2"' in app.answers("backend")

    # Once more, and this time the previous release comes back: a switch of names, and the start.
    services.stop(known, words)
    began = time.monotonic()
    assert release.switch(known, planned) == "built beforehand"
    switched = time.monotonic()
    services.up(known, planned)
    with capsys.disabled():
        took = f"switch {switched - began:.2f} s, up {time.monotonic() - switched:.2f} s"
        print(f"\n{app.program}: {took}")  # noqa: T201 - measured, not asserted
    health.wait_healthy(known, words)
    assert "Release v1" in app.answers("frontend") and app.live().keys() == names.keys()
    prepared = images.prepared(app.folder, planned, engineapp.NAMES)
    assert set(app.containers().values()) == {app.images()[name] for name in prepared.values()}

    release.clean(known, planned)
    release.back(known, planned)
    assert not place.exists() and git.current(app.folder) == "main"

    # Forward again, as the runbook's page says it: the images of before are found by their names.
    shown = app.engine.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "*-before-rollback-*").split()
    assert {images.kept(app.folder, planned, service) for service in engineapp.NAMES} <= set(shown)
    for service in engineapp.NAMES:
        app.engine.docker("tag", images.kept(app.folder, planned, service), _live_name(app, service))
    app.compose("up", "-d", "--no-build")
    health.wait_healthy(known, words)
    assert '"v2"' in app.answers("backend") and app.live() == names


def _live_name(app: App, service: str) -> str:
    return images.live(settings.load(), app.project, compose.config(settings.load(), app.project))[service]


def test_images_that_are_gone_are_built_at_the_switch(app: App, caplog: pytest.LogCaptureFixture) -> None:
    known = settings.load()
    planned = release.inspect(known, "v1")
    release.prepare(known, planned)
    services.stop(known, app.project)
    prepared = images.prepared(app.folder, planned, engineapp.NAMES)
    app.engine.docker("rmi", prepared["frontend"])
    with caplog.at_level(logging.WARNING, "runbook"):
        assert "built in the outage" in release.switch(known, planned)
    assert "build the images of v1 now, in the outage" in caplog.text
    services.up(known, planned)
    health.wait_healthy(known, app.project)
    assert "Release v1" in app.answers("frontend")


def test_a_check_that_does_not_end_is_ended(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = release.inspect(settings.load(), "v1")
    monkeypatch.setenv("ROLLBACK_RELEASE_CHECK", "backend /bin/busybox sleep 600")
    monkeypatch.setenv("ROLLBACK_SERVICE_SECONDS", "10")
    assert fitness.run_command(settings.load(), planned) == "skipped: backend runs already"
    app.compose("stop", "backend")
    with pytest.raises(ReleaseUnfit, match=r"its check in backend failed: .* did not end within 10 s"):
        fitness.run_command(settings.load(), planned)
    assert app.engine.docker("ps", "--all", "--quiet", "--filter", "name=rollback-check") == ""


def test_trouble_is_said_and_leaves_the_live_release_alone(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    known, live, names = settings.load(), app.containers(), app.images()

    # A release whose image cannot be built.
    with app.variant("v1-broken") as folder:
        (folder / "backend" / "Dockerfile").write_text("FROM scratch\nCOPY no-such-file /\n")
    planned = release.inspect(known, "v1-broken")
    with pytest.raises(ReleaseUnusable, match=r"(?s)images of v1-broken could not be built .*no-such-file"):
        release.prepare(known, planned)
    assert not worktree.path(app.folder, planned).exists()
    assert app.images() == names

    # A service that answers, but not well; and one that does not run.
    monkeypatch.setenv("ROLLBACK_SERVICE_SECONDS", "1")
    monkeypatch.setenv("ROLLBACK_HEALTH_URLS", f'{{"backend": "{app.url("backend", "/no-such-page")}"}}')
    with pytest.raises(ServiceUnhealthy, match="expected 2xx, found 404 Not Found"):
        health.wait_healthy(settings.load(), app.project)
    app.compose("stop", "frontend")
    with pytest.raises(ServiceUnhealthy, match=r"frontend's container: .* found Exited"):
        health.wait_healthy(settings.load(), app.project)
    services.start(known, app.project)
    assert app.containers() == live

    # Containers that are gone cannot be started as they were.
    app.compose("down", "--timeout", "1")
    with pytest.raises(ServiceUnhealthy, match=r"(?s)Not running .* backend, frontend.*(?i:no container)"):
        services.start(known, app.project)


def test_a_container_is_healthy_when_its_healthcheck_says_so_and_not_while_it_comes_and_goes(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROLLBACK_HEALTH_URLS")
    monkeypatch.setenv("ROLLBACK_SERVICE_SECONDS", "5")
    given = compose.config(settings.load(), app.project)
    override = app.folder / "docker-compose.override.yml"
    version = {"version": given["version"]} if "version" in given else {}

    def up(**frontend: Any) -> None:
        override.write_text(yaml.safe_dump({**version, "services": {"frontend": frontend}}))
        app.compose("up", "-d", "--no-build")

    up(healthcheck={"test": ["CMD", "/bin/busybox", "test", "-e", "/well"], "interval": "1s", "retries": 1})
    with pytest.raises(
        ServiceUnhealthy, match=r"frontend's container: .* found Up \d+ seconds \((unhealthy|health: starting)\)"
    ):
        health.wait_healthy(settings.load(), app.project)
    app.compose("exec", "-T", "frontend", "/bin/busybox", "touch", "/well")
    checks = {check.name: check.found for check in health.wait_healthy(settings.load(), app.project)}
    assert "(healthy)" in checks["frontend's container"] and "(" not in checks["backend's container"]

    up(command=["/bin/busybox", "sh", "-c", "exec /bin/busybox sleep 0.5"], restart="always")
    with pytest.raises(ServiceUnhealthy, match=r"frontend's container"):
        health.wait_healthy(settings.load(), app.project)
