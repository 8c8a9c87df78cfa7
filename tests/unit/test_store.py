"""The worker's store: private, alone in each transaction, and clear where it cannot be used."""

import sqlite3
import stat
from pathlib import Path

import pytest

from runbook import private_files, store
from runbook.errors import SettingsInvalid
from runbook.settings import Settings

MADE = "CREATE TABLE IF NOT EXISTS thing (name TEXT PRIMARY KEY)"


def settings(folder: Path) -> Settings:
    return Settings(state_dir=folder, _env_file=None)


def test_it_lies_beside_the_approvers_or_where_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(store.SETTING)
    beside = Settings(approvers_file=tmp_path / "approvers.toml", _env_file=None)
    assert store.place(beside) == tmp_path / store.NAME
    assert store.place(settings(tmp_path / "state")) == tmp_path / "state" / store.NAME


def test_a_transaction_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    with store.transaction(settings(tmp_path)) as conn:
        conn.execute(MADE)
        conn.execute("INSERT INTO thing VALUES ('kept')")
    with pytest.raises(ZeroDivisionError), store.transaction(settings(tmp_path)) as conn:
        conn.execute("INSERT INTO thing VALUES ('undone')")
        raise ZeroDivisionError
    with store.transaction(settings(tmp_path)) as conn:
        assert [row["name"] for row in conn.execute("SELECT name FROM thing")] == ["kept"]


def test_nobody_writes_beside_a_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.05)
    with (
        store.transaction(settings(tmp_path)),
        pytest.raises(SettingsInvalid, match="locked"),
        store.transaction(settings(tmp_path)),
    ):
        pytest.fail("two transactions at a time")


def test_it_is_private_and_refused_where_it_is_not(tmp_path: Path) -> None:
    with store.transaction(settings(tmp_path)):
        pass
    path = tmp_path / store.NAME
    assert stat.S_IMODE(path.stat().st_mode) == private_files.MODE
    path.chmod(0o640)
    with pytest.raises(SettingsInvalid, match="others \\(mode 0640\\)"), store.transaction(settings(tmp_path)):
        pytest.fail("others can read it")


def test_what_is_no_store_is_named_with_its_setting(tmp_path: Path) -> None:
    path = tmp_path / store.NAME
    path.write_text("this is not a database, but long enough to be taken for one" * 20)
    path.chmod(private_files.MODE)
    with pytest.raises(SettingsInvalid, match=str(path)) as told, store.transaction(settings(tmp_path)):
        pytest.fail("it is not a store")
    assert store.SETTING in told.value.remedy
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsInvalid, match="cannot be used"), store.transaction(settings(tmp_path)):
        pytest.fail("it is a link")
    assert not (tmp_path / "elsewhere").exists()


def test_two_stores_are_two_files(tmp_path: Path) -> None:
    with store.transaction(settings(tmp_path / "a")) as conn:
        conn.execute(MADE)
    with store.transaction(settings(tmp_path / "b")) as conn, pytest.raises(sqlite3.OperationalError):
        conn.execute("SELECT * FROM thing")
