"""A machine that lacks what a rollback needs: programs, room, a usable tree."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import servers
from tests.acceptance.engine import unavailable
from tests.acceptance.operator import REQUEST, Desk, Done
from tests.acceptance.wrong import BLOCKED, DONE, refused, text

pytestmark = pytest.mark.pg("18")


def test_pg_dump_is_missing_or_too_old(at: Desk) -> None:
    nothing = at.rollback("plan", *REQUEST, ROLLBACK_PG_BIN=str(at.folder))
    refused(nothing, "pg_dump and pg_restore", "found: none", "Install postgresql-client", status=BLOCKED)


def test_pg_dump_of_another_version(at: Desk) -> None:
    old = Path("/usr/lib/postgresql/15/bin")
    if not (old / "pg_dump").exists():
        unavailable("Debian's PostgreSQL 15 is not installed (make test-system installs it)")
    result = at.rollback("plan", *REQUEST, ROLLBACK_PG_BIN=str(old))
    refused(result, "that fit this server (18) are needed", f"found: 15 in {old} (too old)", status=BLOCKED)


@pytest.mark.pg("16")
def test_pg_dump_is_so_new_that_this_server_would_not_take_its_dump_back(at: Desk) -> None:
    result = at.rollback("plan", *REQUEST, "--backup", "dump", ROLLBACK_PG_BIN=str(servers.binaries("18")))
    words = ("its pg_restore sets transaction_timeout, which a server 16 does not know", "Install postgresql-client-16")
    refused(result, *words, status=BLOCKED)


def test_the_folder_for_backups_cannot_be_used(at: Desk) -> None:
    result = at.rollback("plan", *REQUEST, ROLLBACK_BACKUP_DIR="/proc/backups")
    refused(result, "cannot be written to", "ROLLBACK_BACKUP_DIR", status=BLOCKED)
    file = at.folder / "file"
    file.touch()
    result = at.rollback("plan", *REQUEST, ROLLBACK_BACKUP_DIR=str(file / "sub"))
    refused(result, "cannot be written to", status=BLOCKED)


def test_the_disk_is_too_small_for_the_backup(at: Desk) -> None:
    small = at.folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=False, capture_output=True
    )
    if mounted.returncode:
        unavailable("a small disk can be mounted by root only")
    try:
        later = at.rollback("plan", *REQUEST, ROLLBACK_BACKUP_DIR=str(small))
        assert later.returncode == DONE  # the snapshot's dump is taken when the users are back
        assert "has 1 MB free; the backup may need" in " ".join(later.stdout.split())
        result = at.rollback("plan", *REQUEST, "--backup", "dump", ROLLBACK_BACKUP_DIR=str(small))
        refused(result, "has 1 MB free; the backup may need", "larger disk", status=BLOCKED)
    finally:
        subprocess.run(["umount", small], check=True)


def test_the_applications_tree(at: Desk) -> None:
    tree = at.folder / "app"
    tree.mkdir()
    program = at.folder / "compose"
    program.write_text('#!/bin/sh\n[ "$1" = config ] && exec cat docker-compose.yml\nexit 0\n')
    program.chmod(0o755)

    def git(*words: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=tree, check=True, capture_output=True)

    def planned(tag: str) -> Done:
        env = {"ROLLBACK_PROJECT_DIR": str(tree), "ROLLBACK_COMPOSE": str(program), "ROLLBACK_DOCKER": "true"}
        return at.rollback("plan", *REQUEST, *(["--previous-tag", tag] if tag else []), **env)

    refused(planned("v1"), "git", status=BLOCKED)
    git("init", "-q", ".")
    (tree / "readme").write_text("1")
    git("add", ".")
    git("commit", "-qm", "1")
    git("tag", "v1")
    refused(planned("v1"), "docker-compose.yml", status=BLOCKED)
    (tree / "docker-compose.yml").write_text("services: {backend: {build: .}, frontend: {build: .}}\n")
    git("add", ".")
    git("commit", "-qm", "2")
    git("tag", "v2")
    refused(planned("v2"), "v2", "checked out", status=BLOCKED)
    (tree / "readme").write_text("3")
    git("commit", "-qam", "3")
    refused(planned("v9"), "v9", "v2", status=BLOCKED)
    refused(planned(""), "No previous release is named", "previous_tag", status=BLOCKED)
    (tree / "readme").write_text("2")
    refused(planned("v2"), "readme", status=BLOCKED)
    git("checkout", "-q", "readme")
    assert planned("v2").returncode == DONE, text(planned("v2"))
    shutil.rmtree(tree)
    refused(planned("v2"), str(tree), status=BLOCKED)
