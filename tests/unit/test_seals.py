"""Seals: only with the worker's key, over each value, and the same before and after PostgreSQL."""

import json
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from runbook import private_files, seals
from runbook.errors import SettingsInvalid
from runbook.planning import plandata
from runbook.settings import Settings
from tests import samples

AT = datetime(2026, 11, 28, 10, 0, 0, 123456, tzinfo=UTC)


def settings(folder: Path) -> Settings:
    return Settings(state_dir=folder, _env_file=None)


def test_the_key_is_private_and_made_once(tmp_path: Path) -> None:
    here = settings(tmp_path / "state")
    first = seals.make(here, "run", 1)
    assert seals.make(here, "run", 1) == first
    assert stat.S_IMODE(seals.place(here).stat().st_mode) == private_files.MODE
    assert [path.name for path in (tmp_path / "state").iterdir()] == [seals.NAME]
    assert seals.make(settings(tmp_path / "other"), "run", 1) != first
    seals.place(here).chmod(0o644)
    with pytest.raises(SettingsInvalid, match="others"):
        seals.make(here, "run", 1)


def test_what_is_no_key_is_named(tmp_path: Path) -> None:
    path = seals.place(settings(tmp_path))
    private_files.write(path, "not hexadecimal")
    with pytest.raises(SettingsInvalid, match="no key of 32 bytes"):
        seals.make(settings(tmp_path), "run")


def test_without_a_key_nothing_holds_and_none_is_made(tmp_path: Path) -> None:
    assert not seals.holds(settings(tmp_path), "0" * 64, "run", 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seal", ["", "é", "0" * 64])
def test_no_other_word_is_a_seal(tmp_path: Path, seal: str) -> None:
    seals.make(settings(tmp_path), "run", 1)
    assert not seals.holds(settings(tmp_path), seal, "run", 1)


@pytest.mark.parametrize(
    "other", [("step", "a", {"b": 1}), ("run", "a", {"b": 2}), ("run", "a"), ("run", "a{", {"b": 1}), ("run", "", "a")]
)
def test_each_value_and_the_kind_are_sealed(tmp_path: Path, other: tuple[Any, ...]) -> None:
    seal = seals.make(settings(tmp_path), "run", "a", {"b": 1})
    assert seals.holds(settings(tmp_path), seal, "run", "a", {"b": 1})
    assert not seals.holds(settings(tmp_path), seal, *other)


def test_it_is_the_same_after_postgresql(tmp_path: Path) -> None:
    """PostgreSQL keeps 1e16 as 10000000000000000, sorts keys, and gives times in the session's zone."""
    seal = seals.make(settings(tmp_path), "run", {"b": [1e16, 2.0, None], "a": (AT, True)}, AT)
    there = AT.astimezone(timezone(timedelta(hours=5)))
    assert seals.holds(settings(tmp_path), seal, "run", {"a": [there, True], "b": [10**16, 2, None]}, there)


def test_what_cannot_be_read_back_is_not_sealed(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="Jsonb"):
        seals.make(settings(tmp_path), "run", Jsonb({}))


def test_a_plan_is_read_back_as_it_was_written() -> None:
    plan = samples.plan()
    assert plandata.plan_json(plandata.read(json.loads(json.dumps(plandata.plan_json(plan))))) == plandata.plan_json(
        plan
    )
    assert plandata.plan_hash(plandata.read(plandata.plan_json(plan))) == plan.hash
