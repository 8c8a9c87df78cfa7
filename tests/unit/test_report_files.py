"""The files of a report: private, without secrets, and readable again."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from runbook.errors import SettingsInvalid
from runbook.request import RollbackRequest
from runbook.settings import Settings
from runbook.telling import report
from tests import samples

SECRET = "nobodymayseethis"


def settings(folder: Path) -> Settings:
    return Settings(
        report_dir=folder / "reports",
        team_urls=SecretStr(f"slack://{SECRET}"),
        smtp_password=SecretStr(SECRET),
        _env_file=None,
    )


def test_files_are_private_and_repeatable(tmp_path: Path) -> None:
    written = report.write(settings(tmp_path), samples.summary())
    assert report.write(settings(tmp_path), samples.summary()) == written
    folder = tmp_path / "reports"
    assert sorted(p.name for p in folder.iterdir()) == [
        "post-mortem-INC-2041.ics",
        "post-mortem-INC-2041.md",
        "report-INC-2041-20261122-223043.json",
        "report-INC-2041-20261122-223043.md",
        "report-INC-2041-20261122-223043.svg",
    ]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}


def test_no_secret_gets_into_a_file(tmp_path: Path) -> None:
    for path in report.write(settings(tmp_path), samples.summary()):
        assert SECRET not in path.read_text(encoding="utf-8")


def test_a_post_mortem_that_people_wrote_in_is_kept(tmp_path: Path) -> None:
    report.write(settings(tmp_path), samples.failed())
    mine = tmp_path / "reports" / "post-mortem-INC-2041.md"
    mine.write_text("root cause: a cable", encoding="utf-8")
    report.write(settings(tmp_path), samples.summary())
    assert mine.read_text(encoding="utf-8") == "root cause: a cable"
    assert (tmp_path / "reports" / "post-mortem-INC-2041-20261122-223043.md").exists()


def test_a_declined_run_leaves_a_report_and_no_post_mortem(tmp_path: Path) -> None:
    declined = samples.summary(outcome="declined", steps=samples.steps()[:2], backup=None, checks=[])
    assert {p.suffix for p in report.write(settings(tmp_path), declined)} == {".md", ".json", ".svg"}
    assert not list((tmp_path / "reports").glob("post-mortem*"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file", encoding="utf-8")
    with pytest.raises(SettingsInvalid, match="ROLLBACK_REPORT_DIR"):
        report.write(settings(tmp_path), samples.summary())
    with pytest.raises(SettingsInvalid, match="ROLLBACK_REPORT_DIR"):
        report.check(settings(tmp_path))


def test_the_evidence_can_be_read_back() -> None:
    data = json.loads(json.dumps(report.evidence(samples.summary())))
    assert RollbackRequest.model_validate(data["request"]) == samples.request()
    assert data["plan"]["hash"] == samples.plan().hash
    assert data["outage"] == {"began": "2026-11-22T22:30:00+00:00", "ended": "2026-11-22T22:30:42+00:00"}
    assert data["approval"]["at"] == "2026-11-22T22:29:00+00:00"
    assert data["steps"][4]["found"]["sha256"] == samples.DUMP_SHA
    assert len(data["checks"]) == 3
    empty = samples.summary(outcome="refused", plan=None, approval=None, steps=[], backup=None, checks=[])
    assert json.loads(json.dumps(report.evidence(empty)))["plan"] is None
