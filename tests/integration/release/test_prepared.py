"""A release is prepared beside the live one: real git trees, and a compose program that stands in."""

import logging
import shutil
from pathlib import Path

import pytest

from runbook.application import compose, git, release, worktree
from runbook.errors import ReleaseUnusable
from runbook.settings import Settings
from tests.releases import FILE, Git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def text(path: Path) -> str:
    return path.read_text().strip()


def test_prepare_builds_beside_and_leaves_the_live_tree_alone(settings: Settings, run: Git, log_file: Path) -> None:
    folder = compose.tree(settings)
    (folder / ".env").write_text("SECRET=1\n")
    planned = release.inspect(settings, "v1")
    place = release.prepare(settings, planned)
    assert place == folder.with_name("app.rollback-v1")
    assert (text(place / "release"), text(folder / "release")) == ("1", "2")
    assert (place / ".env").samefile(folder / ".env")
    assert f"{place} [app-rollback-v1] build" in log_file.read_text()
    assert run("status", "--porcelain") == "" and git.current(folder) == "main"
    release.clean(settings, planned)
    assert not place.exists() and (folder / ".env").exists()
    assert run("worktree", "list").count("\n") == 1


def test_prepare_again_uses_what_is_there(settings: Settings, run: Git, caplog: pytest.LogCaptureFixture) -> None:
    planned = release.inspect(settings, "v1")
    place = release.prepare(settings, planned)
    with caplog.at_level(logging.INFO, "runbook"):
        assert release.prepare(settings, planned) == place
    assert "already so, skipped" in caplog.text


def test_prepare_repairs_a_tree_whose_making_was_killed(settings: Settings, run: Git) -> None:
    planned = release.inspect(settings, "v1")
    place = worktree.path(compose.tree(settings), planned)
    run("worktree", "add", "--lock", "--detach", str(place), "v2")
    (place / ".git").unlink()
    release.prepare(settings, planned)
    assert text(place / "release") == "1"


def test_prepare_leaves_a_foreign_folder_alone(settings: Settings, run: Git) -> None:
    planned = release.inspect(settings, "v1")
    place = worktree.path(compose.tree(settings), planned)
    place.mkdir()
    (place / "mine").touch()
    with pytest.raises(ReleaseUnusable, match="is in the way"):
        release.prepare(settings, planned)
    assert (place / "mine").exists()


def test_a_build_that_fails_leaves_nothing(settings: Settings, run: Git) -> None:
    folder = compose.tree(settings)
    (folder / "broken").touch()
    run("add", ".")
    run("commit", "-qm", "Broken")
    run("tag", "feature/broken")
    planned = release.inspect(settings, "feature/broken")
    place = worktree.path(folder, planned)
    assert place.name == "app.rollback-feature-broken"
    with pytest.raises(ReleaseUnusable, match=r"could not be built in .*step 3/7: no such file: src/main"):
        release.prepare(settings, planned)
    assert not place.exists() and run("worktree", "list").count("\n") == 1


def test_a_service_that_the_old_release_lacks_is_stopped_and_that_is_said(settings: Settings, run: Git) -> None:
    folder = compose.tree(settings)
    (folder / "docker-compose.yml").write_text(FILE + "  worker: {build: .}\n")
    run("commit", "-qam", "A worker")
    more = settings.model_copy(update={"services": ("backend", "worker")})
    planned = release.inspect(more, "v1")
    assert "v1 has no service worker: it is stopped, and stays stopped." in planned.warnings
    release.prepare(more, planned)


def test_without_the_engines_program_nobody_knows_what_runs(settings: Settings, run: Git) -> None:
    without = settings.model_copy(update={"docker": ("no-such-docker",)})
    with pytest.raises(ReleaseUnusable, match="Which containers run cannot be seen, since no-such-docker"):
        release.inspect(without, "v1")


def test_a_service_may_not_take_longer_to_stop_than_it_is_waited_for(settings: Settings, run: Git) -> None:
    file = compose.tree(settings) / "docker-compose.yml"
    file.write_text("services:\n  backend: {build: ., stop_grace_period: 1m30s}\n  frontend: {build: .}\n")
    run("commit", "-qam", "Patient")
    release.inspect(settings, "v1")  # 90 s, as long as it is waited for
    file.write_text(file.read_text().replace("1m30s", "1m30s500ms"))
    run("commit", "-qam", "More patient")
    with pytest.raises(ReleaseUnusable, match=r"backend may take 1m30s500ms to stop .* waited for 90 s"):
        release.inspect(settings, "v1")
