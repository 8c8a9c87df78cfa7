"""The switch of the release, and its services: real git trees, and a compose program that stands in."""

import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from runbook.application import compose, git, health, project, release, services
from runbook.errors import ProgramMissing, ReleaseUnusable, ServiceUnhealthy
from runbook.models import Project
from runbook.settings import Settings
from tests.releases import FILE, Git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

OWN = Project(("compose",), "app")


def text(path: Path) -> str:
    return path.read_text().strip()


def test_switch_and_back(settings: Settings, run: Git, log_file: Path) -> None:
    folder = compose.tree(settings)
    planned = release.inspect(settings, "v1")
    for _ in range(2):
        release.switch(settings, planned)
        assert text(folder / "release") == "1" and git.head(folder) == planned.commit
    assert log_file.read_text().count(f"{folder} [app] build") == 2
    for _ in range(2):
        release.back(settings, planned)
        assert text(folder / "release") == "2" and git.current(folder) == "main"


def test_back_leads_to_a_commit_that_no_branch_or_tag_names(settings: Settings, run: Git) -> None:
    run("checkout", "-q", "--detach")
    run("commit", "-q", "--allow-empty", "-m", "Loose")
    loose = run("rev-parse", "HEAD").strip()
    planned = release.inspect(settings, "v1")
    assert planned.current == loose
    release.switch(settings, planned)
    release.back(settings, planned)
    assert git.head(compose.tree(settings)) == loose


def test_a_branch_with_the_tags_name_does_not_mislead(settings: Settings, run: Git) -> None:
    run("branch", "v1", "v2")
    release.switch(settings, release.inspect(settings, "v1"))
    assert text(compose.tree(settings) / "release") == "1"


def test_a_moved_tag_is_noticed(settings: Settings, run: Git) -> None:
    planned = release.inspect(settings, "v1")
    run("tag", "--force", "v1", "v2")
    with pytest.raises(ReleaseUnusable, match="not at the planned commit"):
        release.switch(settings, planned)


def test_changes_made_since_are_not_overwritten(settings: Settings, run: Git) -> None:
    planned = release.inspect(settings, "v1")
    file = compose.tree(settings) / "release"
    file.write_text("mine\n")
    with pytest.raises(ReleaseUnusable, match="could not be checked out"):
        release.switch(settings, planned)
    assert text(file) == "mine"
    with pytest.raises(ReleaseUnusable, match="could not be checked out"):  # nor the second time
        release.switch(settings, planned)
    assert text(file) == "mine"


def test_compose_is_the_one_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in {"docker": "exit 1", "docker-compose": "echo 1.29.2"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    assert compose.find(Settings()).program == ("docker-compose",)
    (folder / "docker").write_text('#!/bin/sh\n[ "$1 $2" = "compose version" ]\n')
    assert compose.find(Settings()).program == ("docker", "compose")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissing, match="No compose program works here"):
        compose.find(Settings())


def test_stop_and_start_say_what_changed(settings: Settings, log_file: Path) -> None:
    (compose.tree(settings) / "docker-compose.yml").write_text(FILE)
    own, names = project.find(settings), ("app-backend", "app-frontend")
    assert services.stop(settings, own) == services.Change(True, (), containers=names)
    assert services.stop(settings, own) == services.Change(False, ())
    assert services.start(settings, own) == services.Change(True, ("backend", "frontend"), containers=names)
    assert services.start(settings, own) == services.Change(False, ("backend", "frontend"))
    assert health.wait_healthy(settings)[0].passed


def test_a_service_that_does_not_stop_is_named(settings: Settings, log_file: Path) -> None:
    log_file.with_name("compose.log.stuck").touch()
    with pytest.raises(ServiceUnhealthy, match="told to stop: backend, frontend"):
        services.stop(settings, replace(OWN, program=settings.compose))


def test_a_service_without_an_answer_is_named(settings: Settings, log_file: Path) -> None:
    urls = {"backend": "http://127.0.0.1:9/health"}
    waiting = Settings.model_validate({**settings.model_dump(), "health_urls": urls, "service_seconds": 1})
    with pytest.raises(ServiceUnhealthy, match=r"backend answers at .*9/health: expected 2xx, found no answer"):
        health.wait_healthy(waiting, OWN)
