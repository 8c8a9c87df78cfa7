"""The release: real git trees; the compose program is a stand-in, since no engine runs here."""

import logging
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runbook.application import compose, fitness, git, release, services, worktree
from runbook.errors import ProgramMissing, ReleaseUnusable, ServiceUnhealthy, SettingsInvalid
from runbook.models import Release
from runbook.settings import Settings

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

COMPOSE = """#!/bin/sh
echo "$PWD [$COMPOSE_PROJECT_NAME] $*" >> "$STAND_IN_LOG"
case "$*" in
  version) echo "stand-in 1" ;;
  config) cat "${COMPOSE_FILE:-docker-compose.yml}" || exit 1 ;;
esac
case "$1" in
  version|config) ;;
  build) if [ -e broken ]; then echo "step 3/7: no such file: src/main" >&2; exit 17; fi ;;
  ps) cat "$STAND_IN_LOG.running" ;;
  stop) [ -e "$STAND_IN_LOG.stuck" ] || : > "$STAND_IN_LOG.running" ;;
  start|up) printf 'backend\\nfrontend\\n' > "$STAND_IN_LOG.running" ;;
  *) exit 2 ;;
esac
"""
FILE = "services:\n  backend: {build: .}\n  frontend: {build: .}\n"
Git = Callable[..., str]


@pytest.fixture
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "compose.log"
    monkeypatch.setenv("STAND_IN_LOG", str(path))
    path.with_name("compose.log.running").write_text("backend\nfrontend\nredis\n")
    return path


@pytest.fixture
def settings(tmp_path: Path, log_file: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    program = tmp_path / "compose"
    program.write_text(COMPOSE)
    program.chmod(0o755)
    (tmp_path / "app").mkdir()
    # An engine's program that knows no image: they are built at the switch.
    return Settings(project_dir=tmp_path / "app", compose=(str(program),), docker=("true",))


@pytest.fixture
def run(settings: Settings) -> Git:
    """Make a tree with two releases, v1 and v2 (checked out on main), and return a way to run git in it."""
    folder = compose.tree(settings)

    def git_run(*words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout

    git_run("init", "-q", "-b", "main")
    (folder / ".gitignore").write_text(".env\ncache/\n")
    (folder / "docker-compose.yml").write_text(FILE)
    for number in ("1", "2"):
        (folder / "release").write_text(f"{number}\n")
        git_run("add", ".")
        git_run("commit", "-qm", f"Release {number}")
        git_run("tag", f"v{number}")
    return git_run


def text(path: Path) -> str:
    return path.read_text().strip()


def test_a_usable_release_is_described(settings: Settings, run: Git) -> None:
    (compose.tree(settings) / ".env").write_text("SECRET=1\n")
    found = release.inspect(settings, "v1")
    assert found == Release(
        "v1", run("rev-parse", "v1").strip(), "main", settings.compose, warnings=(fitness.UNCHECKED,)
    )


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


def test_a_service_that_the_old_release_lacks_is_refused_before_anything_stops(settings: Settings, run: Git) -> None:
    folder = compose.tree(settings)
    (folder / "docker-compose.yml").write_text(FILE + "  worker: {build: .}\n")
    run("commit", "-qam", "A worker")
    more = settings.model_copy(update={"services": ("backend", "worker")})
    with pytest.raises(ReleaseUnusable, match="defines no service worker"):
        release.prepare(more, release.inspect(more, "v1"))


def test_without_the_engines_program_the_images_are_built_in_the_outage(settings: Settings, run: Git) -> None:
    without = settings.model_copy(update={"docker": ("no-such-docker",)})
    planned = release.inspect(without, "v1")
    assert "built once more in the outage, since no-such-docker does not work here" in planned.warnings[-1]
    release.prepare(without, planned)
    assert "built in the outage" in release.switch(without, planned)


def test_a_service_may_not_take_longer_to_stop_than_it_is_waited_for(settings: Settings, run: Git) -> None:
    file = compose.tree(settings) / "docker-compose.yml"
    file.write_text("services:\n  backend: {build: ., stop_grace_period: 1m30s}\n  frontend: {build: .}\n")
    run("commit", "-qam", "Patient")
    release.inspect(settings, "v1")  # 90 s, as long as it is waited for
    file.write_text(file.read_text().replace("1m30s", "1m30s500ms"))
    run("commit", "-qam", "More patient")
    with pytest.raises(ReleaseUnusable, match=r"backend may take 1m30s500ms to stop .* waited for 90 s"):
        release.inspect(settings, "v1")


def test_switch_and_back(settings: Settings, run: Git, log_file: Path) -> None:
    folder = compose.tree(settings)
    planned = release.inspect(settings, "v1")
    for _ in range(2):
        release.switch(settings, planned)
        assert text(folder / "release") == "1" and git.head(folder) == planned.commit
    assert log_file.read_text().count(f"{folder} [] build") == 2
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


def test_compose_is_the_one_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in {"docker": "exit 1", "docker-compose": "echo 1.29.2"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    assert compose.find(Settings()) == ("docker-compose",)
    (folder / "docker").write_text('#!/bin/sh\n[ "$1 $2" = "compose version" ]\n')
    assert compose.find(Settings()) == ("docker", "compose")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissing, match="No compose program works here"):
        compose.find(Settings())


def test_stop_and_start_say_what_changed(settings: Settings, log_file: Path) -> None:
    words = settings.compose
    assert services.stop(settings, words) == services.Change(True, ())
    assert services.stop(settings, words) == services.Change(False, ())
    assert services.start(settings, words) == services.Change(True, ("backend", "frontend"))
    assert services.start(settings, words) == services.Change(False, ("backend", "frontend"))
    assert services.wait_healthy(settings)[0].passed


def test_a_service_that_does_not_stop_is_named(settings: Settings, log_file: Path) -> None:
    log_file.with_name("compose.log.stuck").touch()
    with pytest.raises(ServiceUnhealthy, match="told to stop: backend, frontend"):
        services.stop(settings, settings.compose)


def test_a_service_without_an_answer_is_named(settings: Settings, log_file: Path) -> None:
    urls = {"backend": "http://127.0.0.1:9/health"}
    waiting = Settings.model_validate({**settings.model_dump(), "health_urls": urls, "service_seconds": 1})
    with pytest.raises(ServiceUnhealthy, match=r"backend answers at .*9/health: expected 2xx, found no answer"):
        services.wait_healthy(waiting, settings.compose)
