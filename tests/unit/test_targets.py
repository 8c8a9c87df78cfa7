"""The worker's targets out of an earlier version's prefect.yaml."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from runbook import env_file

BEFORE = """
deployments:
  - name: production
    work_pool: &first
      job_variables:
        env: {ROLLBACK_TARGET: production, PGSERVICE: digitaltwin, PREFECT_LOGGING_EXTRA_LOGGERS: runbook}
  - name: production
    work_pool: {job_variables: {env: {ROLLBACK_TARGET: production, ROLLBACK_SERVICES: "it's a b"}}}
  - name: staging
    work_pool: &last
      job_variables:
        env: {ROLLBACK_TARGET: staging, PGSERVICE: other, ROLLBACK_APPROVERS: "{{ prefect.blocks.secret.x }}"}
"""


def run(folder: Path, text: str, *words: str) -> "subprocess.CompletedProcess[str]":
    (folder / "before.yaml").write_text(text)
    env = {name: value for name, value in os.environ.items() if not name.startswith("ROLLBACK_")}
    return subprocess.run(
        [sys.executable, "-m", "deployments.targets", str(folder / "before.yaml"), *words],
        env=env | {"ROLLBACK_TARGETS_DIR": str(folder / "targets")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_files_are_shown_then_written_private_and_never_overwritten(tmp_path: Path) -> None:
    shown = run(tmp_path, BEFORE)
    assert shown.returncode == 0, shown.stderr
    assert f"# {tmp_path}/targets/production.env\n" in shown.stdout and not (tmp_path / "targets").exists()
    assert run(tmp_path, BEFORE, "--write").returncode == 0
    file = tmp_path / "targets" / "production.env"
    found = env_file.read(file, "The target", "X")
    assert found == {"ROLLBACK_TARGET": "production", "PGSERVICE": "digitaltwin", "ROLLBACK_SERVICES": "it's a b"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    staging = (tmp_path / "targets" / "staging.env").read_text()
    assert "# ROLLBACK_APPROVERS came from Prefect" in staging
    file.write_text("mine")
    assert "already there" in run(tmp_path, BEFORE, "--write").stdout and file.read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("deployments: [{name: a}]", "names no targets"),
        (BEFORE.replace("PGSERVICE: other", "PGSERVICE: digitaltwin").replace("staging", "production"), "two values"),
        (BEFORE.replace("TARGET: staging", "TARGET: ../x"), "no name for a target"),
    ],
)
def test_what_cannot_be_taken_is_said(text: str, words: str, tmp_path: Path) -> None:
    text = text.replace('ROLLBACK_APPROVERS: "{{ prefect.blocks.secret.x }}"', "ROLLBACK_SERVICES: other")
    done = run(tmp_path, text, "--write")
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "targets").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            None,
            ("This worker has no target", "deployments/host/targets/", "python -m deployments.targets FILE --write"),
        ),
        ("ROLLBACK_SERVICES=a\n", ("production.env cannot be used", "names no database", "PGSERVICE=")),
    ],
)
def test_a_worker_without_a_target_does_not_start(text: str | None, words: tuple[str, ...], tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "production.env").write_text(text)
        (tmp_path / "production.env").chmod(0o600)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ROLLBACK_", "PREFECT_"))}
    done = subprocess.run(
        [sys.executable, "-m", "deployments.worker"],
        env=env | {"ROLLBACK_TARGETS_DIR": str(tmp_path), "PREFECT_HOME": str(tmp_path / "prefect")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and [word for word in words if word not in done.stdout] == [], done.stdout + done.stderr
    assert "Do now: " in done.stdout and "Traceback" not in done.stdout + done.stderr
