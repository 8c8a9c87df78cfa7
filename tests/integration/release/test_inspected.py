"""A release is looked at: real git trees; the compose program is a stand-in, since no engine runs here."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from runbook.application import compose, fitness, release
from runbook.errors import ReleaseUnusable, SettingsInvalid
from runbook.models import Project, Release
from runbook.settings import Settings
from tests.releases import FILE, Git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def test_a_usable_release_is_described(settings: Settings, run: Git) -> None:
    (compose.tree(settings) / ".env").write_text("SECRET=1\n")
    found = release.inspect(settings, "v1")
    assert found.warnings[:1] == (fitness.UNCHECKED,)
    own = Project(settings.compose, "app")
    names = ("app-backend", "app-frontend")
    expected = Release("v1", run("rev-parse", "v1").strip(), "main", own, containers=names)
    assert replace(found, warnings=()) == expected


def test_services_that_cannot_be_seen_to_work_are_named(settings: Settings, run: Git) -> None:
    assert "Whether backend, frontend works cannot be seen" in release.inspect(settings, "v1").warnings[-1]
    file = compose.tree(settings) / "docker-compose.yml"
    file.write_text(FILE.replace("frontend: {", "frontend: {healthcheck: {test: [CMD, /well]}, "))
    run("commit", "-qam", "A healthcheck")
    assert "Whether backend works cannot be seen" in release.inspect(settings, "v1").warnings[-1]
    answering = Settings.model_validate({**settings.model_dump(), "health_urls": {"backend": "http://127.0.0.1:9/"}})
    said = release.inspect(answering, "v1").warnings
    assert said[0] == fitness.UNCHECKED and "health check of backend fails already" in said[-1]
    assert not any("cannot be seen" in warning for warning in said)


def test_all_problems_are_listed_at_once(settings: Settings, run: Git) -> None:
    folder = compose.tree(settings)
    for number in range(7):
        (folder / f"new{number}").touch()
    with pytest.raises(ReleaseUnusable) as caught:
        release.inspect(settings.model_copy(update={"services": ("backend", "worker")}), "v9")
    said = str(caught.value)
    assert "new0, new1, new2, new3, new4 and 2 more" in said
    assert "no tag v9 (newest: v2, v1)" in said or "no tag v9 (newest: v1, v2)" in said
    assert "defines no service worker (it has: backend, frontend)" in said


def test_a_changed_file_is_a_dirty_tree_and_an_ignored_one_is_not(settings: Settings, run: Git) -> None:
    folder = compose.tree(settings)
    (folder / "cache").mkdir()
    (folder / "cache" / "x").touch()
    release.inspect(settings, "v1")
    run("config", "status.showUntrackedFiles", "no")
    (folder / "ümlaut").touch()
    (folder / "release").write_text("mine\n")
    with pytest.raises(ReleaseUnusable, match="has changes: release, ümlaut"):
        release.inspect(settings, "v1")


def test_a_tag_without_the_compose_file_is_refused(settings: Settings, run: Git) -> None:
    (compose.tree(settings) / "deploy.yml").write_text(FILE)
    run("add", ".")
    run("commit", "-qm", "Another file")
    with pytest.raises(ReleaseUnusable, match=r"tag v1 has no file deploy\.yml"):
        release.inspect(settings.model_copy(update={"compose_file": "deploy.yml"}), "v1")


def test_a_branch_is_no_tag(settings: Settings, run: Git) -> None:
    with pytest.raises(ReleaseUnusable, match="no tag main"):
        release.inspect(settings, "main")


def test_a_folder_that_is_no_tree_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ReleaseUnusable, match="is not a git tree"):
        release.inspect(settings, "v1")
    with pytest.raises(ReleaseUnusable, match="There is no folder"):
        release.inspect(settings.model_copy(update={"project_dir": tmp_path / "none"}), "v1")
    with pytest.raises(SettingsInvalid, match="No tree"):
        release.inspect(settings.model_copy(update={"project_dir": None}), "v1")


def test_a_folder_inside_a_tree_is_refused(settings: Settings, run: Git) -> None:
    inside = compose.tree(settings) / "cache"
    inside.mkdir()
    with pytest.raises(ReleaseUnusable, match="lies inside the git tree"):
        release.inspect(settings.model_copy(update={"project_dir": inside}), "v1")


def test_a_missing_compose_program_is_listed_with_the_rest(settings: Settings, run: Git) -> None:
    with pytest.raises(ReleaseUnusable, match=r"(?s)No compose program works here.*no tag v9"):
        release.inspect(settings.model_copy(update={"compose": ("no-such-compose",)}), "v9")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a tree to somebody else")
def test_a_tree_of_somebody_else_is_explained(settings: Settings, run: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = compose.tree(settings)
    monkeypatch.setenv("HOME", str(folder.parent))
    subprocess.run(["chown", "-R", "1234", folder], check=True)
    with pytest.raises(ReleaseUnusable, match=r"(?s)belongs to user 1234.*safe\.directory"):
        release.inspect(settings, "v1")


def test_a_misleading_environment_is_not_followed(
    settings: Settings, run: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert release.inspect(settings, "v1").current == "main"
