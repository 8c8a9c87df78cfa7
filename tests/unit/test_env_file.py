"""The .env of the working directory: it counts only where it is this user's alone."""

import os
from pathlib import Path

import pytest

from runbook import env_file, settings
from runbook.errors import SettingsInvalid


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ROLLBACK_")]:
        monkeypatch.delenv(name)
    made = tmp_path / ".env"
    made.write_text('ROLLBACK_TARGET=staging\nexport rollback_services="api web"\nPGHOST=elsewhere\n')
    made.chmod(0o600)
    return made


def test_a_private_file_counts_and_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = settings.load()
    assert (loaded.target, loaded.services) == ("staging", ("api", "web"))
    assert env_file.found() == file
    monkeypatch.setenv("ROLLBACK_TARGET", "test")
    assert settings.load().target == "test"


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
@pytest.mark.attack(
    "files",
    "writes a .env that others may write",
    "it is refused, with the command that mends it",
)
def test_a_file_that_others_may_open_is_refused_and_not_passed_over(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(SettingsInvalid, match="others") as refused:
        settings.load()
    assert str(file) in refused.value.problem and "chmod 600" in refused.value.remedy


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
@pytest.mark.attack(
    "files",
    "puts a .env of their own into the folder",
    "only this user's own file counts",
)
def test_a_file_of_somebody_else_is_refused(file: Path) -> None:
    os.chown(file, 12345, -1)
    with pytest.raises(SettingsInvalid, match="belongs to another user"):
        settings.load()


def test_another_programs_file_is_left_alone(file: Path) -> None:
    file.write_text("POSTGRES_PASSWORD=secret\nnonsense\n")
    file.chmod(0o644)
    assert settings.load().target == "production"
    assert env_file.found() is None


@pytest.mark.parametrize("text", ["ROLLBACK_TARGET=staging\nROLLBACK_SERVICES\n", "ROLLBACK_TARGET=a\n= b\n"])
def test_a_line_that_says_nothing_is_named(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsInvalid, match="line 2 is not NAME=value"):
        settings.load()
