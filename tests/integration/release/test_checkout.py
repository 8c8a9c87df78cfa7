"""Trouble with git: hooks, filters, locks, submodules, and a checkout that was killed half way. Real git trees."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from runbook.application import checkout, compose, git, release, worktree
from runbook.errors import ReleaseUnusable
from runbook.settings import Settings
from tests import processes
from tests.releases import Git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n"


def hook(folder: Path, script: str) -> None:
    """Set the hook that git runs after each checkout."""
    place = folder / ".git" / "hooks" / "post-checkout"
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)


def test_a_hook_that_fails_is_seen_before_anything_stops(settings: Settings, run: Git) -> None:
    folder = compose.tree(settings)
    planned = release.inspect(settings, "v1")
    hook(folder, "echo the disk is full >&2; exit 3")
    with pytest.raises(ReleaseUnusable, match=r"could not be checked out in .*: git worktree: the disk is full"):
        release.prepare(settings, planned)
    assert not worktree.path(folder, planned).exists()
    # In the live tree all files are in place, and the way is forward.
    assert "a hook failed: git checkout: the disk is full" in release.switch(settings, planned)
    assert (folder / "release").read_text() == "1\n" and not checkout.begun(folder)


def test_a_hook_that_hangs_has_a_time_limit(settings: Settings, run: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = compose.tree(settings)
    planned = release.inspect(settings, "v1")
    hook(folder, "exec sleep 600")
    worktree_run = git.run
    monkeypatch.setattr(git, "run", lambda *words, seconds=2: worktree_run(*words, seconds=seconds))
    began = time.monotonic()
    with pytest.raises(ReleaseUnusable, match="git worktree: it did not end within 2 s and was stopped"):
        release.prepare(settings, planned)
    assert time.monotonic() - began < 30
    assert processes.working_in(worktree.path(folder, planned)) == []  # nor does the hook go on


def test_pointers_in_place_of_files_are_noticed(settings: Settings, run: Git) -> None:
    folder = compose.tree(settings)
    (folder / ".gitattributes").write_text("*.model filter=lfs diff=lfs merge=lfs -text\n")
    (folder / "small.model").write_text(POINTER)
    run("add", ".")
    run("commit", "-qm", "A model")
    run("tag", "v3")
    (folder / "small.model").write_text(POINTER.replace("12", "13"))
    run("commit", "-qam", "Another model")
    # The live tree has pointers too: nobody uses the content here.
    release.prepare(settings, release.inspect(settings, "v3"))
    release.clean(settings, release.inspect(settings, "v3"))
    run("rm", "-q", "--cached", "small.model")
    (folder / ".gitignore").write_text("small.model\n")
    (folder / "small.model").write_text("the real content")
    run("commit", "-qam", "The model is brought by other means")
    with pytest.raises(ReleaseUnusable, match=r"small\.model is a pointer of git-lfs"):
        release.prepare(settings, release.inspect(settings, "v3"))
    assert not worktree.path(folder, release.inspect(settings, "v3")).exists()


def test_somebody_elses_lock_blocks_the_plan(settings: Settings, run: Git) -> None:
    lock = compose.tree(settings) / ".git" / "index.lock"
    lock.touch()
    assert f"rm {lock}" in " ".join(release.inspect(settings, "v1").blockers)
    with pytest.raises(ReleaseUnusable, match="a git that was killed left"):
        release.switch(settings, release.inspect(settings, "v1"))
    assert lock.exists()


def begin_and_kill(settings: Settings, folder: Path, *, git_too: bool) -> None:
    """Check v1 out by a process of its own, and kill that while a filter sleeps half way."""
    here, slow = folder.parent / "here", folder.parent / "slow"
    program = folder.parent / "smudge"
    program.write_text(f"#!/bin/sh\n[ -e {slow} ] && echo $$ > {here} && sleep 3\nexec cat\n")
    program.chmod(0o755)
    git.run(folder, "config", "filter.slow.smudge", str(program))
    (folder / ".git" / "info" / "attributes").write_text("release filter=slow\n")
    slow.touch()
    if (child := os.fork()) == 0:
        os.setsid()
        try:
            release.switch(settings, release.inspect(settings, "v1"))
        finally:
            os._exit(1)
    while not here.exists():
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    slow.unlink()
    for pid in processes.working_in(folder) if git_too else []:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("git_too", [True, False])
def test_a_checkout_that_was_killed_is_finished(settings: Settings, run: Git, git_too: bool) -> None:
    folder = compose.tree(settings)
    begin_and_kill(settings, folder, git_too=git_too)
    assert git.locks(folder) and checkout.begun(folder)
    for _ in range(2):
        planned = release.inspect(settings, "v1")
        release.switch(settings, planned)
        assert (folder / "release").read_text() == "1\n" and run("status", "--porcelain") == ""
        assert not checkout.begun(folder)


def test_what_somebody_changed_meanwhile_is_not_overwritten(settings: Settings, run: Git) -> None:
    folder = compose.tree(settings)
    begin_and_kill(settings, folder, git_too=True)
    (folder / "docker-compose.yml").write_text("services: {backend: {build: .}, frontend: {build: .}}\n")
    with pytest.raises(ReleaseUnusable, match=r"The tree has changes: docker-compose\.yml\."):
        release.inspect(settings, "v1")


def test_a_submodule_that_cannot_be_reached_is_seen_before_anything_stops(
    settings: Settings, run: Git, tmp_path: Path
) -> None:
    folder, library = compose.tree(settings), tmp_path / "library"
    library.mkdir()
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "1")):
        (library / "version").write_text("1\n")
        subprocess.run(["git", *words], cwd=library, check=True)
    run("checkout", "-q", "--detach", "v1")
    run("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "library")
    run("commit", "-qm", "With a library")
    run("tag", "v1.1")
    run("checkout", "-q", "main")
    assert "library" not in " ".join(git.changed(folder))  # what a former submodule left is nobody's change
    planned = release.inspect(settings, "v1.1")
    release.prepare(settings, planned)  # from what this machine has
    # A run that was killed while the submodule was filled: its lock lies there, and a file is half written.
    checkout.to(folder, "refs/tags/v1.1", planned.commit)
    (folder / ".git" / "modules" / "library" / "index.lock").touch()
    (folder / "library" / "version").write_text("half wri")
    release.switch(settings, release.inspect(settings, "v1.1"))
    assert run("status", "--porcelain") == "" and not checkout.begun(folder)
    release.back(settings, planned)
    release.clean(settings, planned)
    library.rename(tmp_path / "gone")
    shutil.rmtree(folder / "library")
    shutil.rmtree(folder / ".git" / "modules")
    run("config", "--remove-section", "submodule.library")
    with pytest.raises(ReleaseUnusable, match=r"The submodule library could not be filled in .*gone|.*library"):
        release.prepare(settings, planned)
    assert not worktree.path(folder, planned).exists()
