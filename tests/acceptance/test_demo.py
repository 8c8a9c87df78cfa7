"""The demo, as somebody meets it who has nothing but this project."""

import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.acceptance.operator import ROOT, Desk, answer, terminal

BEFORE = ("assess", "authorise", "prepare release", "stop services", "fence", "back up", "settle OAuth users")
AFTER = ("012", "011", "010", "verify the schema", "restore release", "open and start", "verify", "notify")
STEPS = BEFORE + AFTER


@pytest.fixture
def folder() -> Iterator[Path]:
    """Lend a folder that the server's own user can reach: another pytest closes the usual ones to all but root."""
    made = Path(tempfile.mkdtemp(prefix="demo-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def at(folder: Path) -> Desk:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "ROLLBACK_", "PREFECT_"))}
    return Desk(folder, {**clean, "PYTHONPATH": str(ROOT), "COLUMNS": "120"})


@pytest.fixture(autouse=True)
def nothing_stays(folder: Path) -> Iterator[None]:
    """See that no process is left that has to do with the demo's folder."""
    yield
    left = [p.info for p in psutil.process_iter(["pid", "cmdline", "cwd"]) if str(folder) in str(p.info)]
    assert left == []


def test_the_demo_shows_the_whole_story(at: Desk) -> None:
    shown = at.rollback("demo", "--folder", "world")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    out = shown.stdout
    for words in ("Can go ahead", "Commit: the point of no return", "The demo plays the approver"):
        assert words in out
    for step in STEPS:
        assert re.search(rf"^✓ {step} +[\d.]+ (ms|s|min)", out, re.MULTILINE), step
    for labels in ("active, handed_over, closed", "user, assistant, professional"):
        assert labels in out
    assert "DIFFERS" not in out and "Traceback" not in out + shown.stderr
    world = at.folder / "world"
    [backup] = world.glob("backups/*.dump")
    [report] = world.glob("reports/report-*.md")
    assert str(backup) in out and str(report) in out
    assert backup.is_dir() and backup.stat().st_mode & 0o777 == 0o700
    assert "super_admin, professional, end_user" in report.read_text()
    assert list(world.glob("mailbox/new/*"))
    assert (world / "app" / "RELEASE").read_text() == "v1\n"


def test_the_demo_is_answered_by_whoever_runs_it(at: Desk) -> None:
    with terminal(at, "demo", "--folder", "world", "--no-answer", columns=80) as screen:
        screen.expect("Waiting for approval")
        [approver] = tomllib.loads((at.folder / "world" / "approvers.toml").read_text())["approver"]
        answer(screen, "decline", "not today", approver["name"], approver["secret"])
        assert screen.end() == 4, screen.text
    assert "not today" in screen.text and "Nothing was changed" in " ".join(screen.text.split())
    assert (at.folder / "world" / "app" / "RELEASE").read_text() == "v2\n"


def test_a_folder_that_is_not_the_demos_is_left_alone(at: Desk) -> None:
    (at.folder / "mine").mkdir()
    kept = at.folder / "mine" / "kept"
    kept.write_text("mine")
    refused = at.rollback("demo", "--folder", "mine")
    assert refused.returncode == 1 and "is not empty and not the demo's" in refused.stderr
    assert kept.read_text() == "mine"
