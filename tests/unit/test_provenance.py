"""What a plan is made of: each file that can run and each setting that matters changes the plan's hash."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import sql
from runbook.planning import plandata, provenance, recheck
from runbook.settings import Settings
from tests import samples


def read(**changes: Any) -> dict[str, str]:
    return dict(provenance.read(Settings(_env_file=None, **changes)))


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of sql/ in the place of the real one."""
    home = tmp_path / "sql"
    shutil.copytree(Path(str(sql.root())), home)
    monkeypatch.setattr(sql, "root", lambda: home)
    return home


@pytest.mark.parametrize(
    "file",
    [
        "verify/010_rollback_knowledge_base.sql",
        "verify/procedure/tables.sql",
        "oauth/delete.sql",
        "queries/applied.sql",
        "session/pins.sql",
        "fence/watchdog.sql",
        "journal/schema.sql",
        "end_state.csv",
        "locks.csv",
        "removed.csv",
    ],
)
def test_a_file_that_can_run_is_in_the_hash(file: str, copied: Path) -> None:
    before = read()
    (copied / file).write_bytes((copied / file).read_bytes() + b"\n")
    after = read()
    assert {name for name in before if before[name] != after[name]} == {"sql/"}
    plans = [samples.plan(made_of=one) for one in (before, after)]
    assert plans[0].hash != plans[1].hash
    assert recheck.changed(*plans) == [f"digest of sql/: approved {before['sql/']}, now {after['sql/']}"]


def test_a_new_file_is_too_and_the_demos_are_not(copied: Path) -> None:
    before = read()
    (copied / "demo" / "seed.sql").write_text("-- nothing")
    assert read() == before
    (copied / "queries" / "new.sql").write_text("SELECT 1")
    assert read() != before


def test_the_program_is_its_version_and_its_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = read()["program"]
    assert len(said.rpartition(" ")[2]) == 64
    home = Path(provenance.__file__).parents[2]
    for name in provenance.FOLDERS:
        shutil.copytree(home / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "runbook/planning/provenance.py"))
    assert provenance._program.__wrapped__() == said
    (tmp_path / "tasks" / "authorise.py").write_text("# anybody may")
    assert provenance._program.__wrapped__() != said


@pytest.mark.parametrize(
    "change",
    [
        {"target": "staging"},
        {"services": ("backend",)},
        {"project_dir": "/srv/app"},
        {"compose_file": "other.yml"},
        {"plan_tolerance_rows": 10**9},
        {"approvals_needed": 2},
        {"requester_may_approve": True},
        {"lead_silence_minutes": 0},
        {"decision_minutes": 600},
        {"snapshot_clone": "no"},
        {"health_urls": {"backend": "http://127.0.0.1:1/"}},
    ],
    ids=str,
)
def test_a_setting_that_matters_is_in_the_hash(change: dict[str, Any]) -> None:
    assert read(**change)["settings"] != read()["settings"]


@pytest.mark.parametrize(
    "change",
    [
        {"smtp_host": "mail.example.org"},
        {"run_url": "http://127.0.0.1:4200"},
        {"team_urls": SecretStr("json://secret@127.0.0.1/")},
        {"report_dir": "elsewhere"},
    ],
    ids=str,
)
def test_messages_places_and_secrets_are_not(change: dict[str, Any]) -> None:
    assert read(**change) == read()


def test_a_password_in_an_address_is_not_in_the_digest() -> None:
    one, other = ({"backend": f"http://ann:{word}@127.0.0.1:1/"} for word in ("pear", "plum"))
    assert read(health_urls=one) == read(health_urls=other)


def test_going_on_is_another_plan() -> None:
    plan = samples.plan()
    assert plandata.plan_hash(replace(plan, taken_up="goes on with run 1")) != plan.hash
