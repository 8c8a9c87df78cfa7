"""Refused runs are kept in the worker's store, and the team hears of the first few of an hour."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

from runbook import refusals, store
from runbook.settings import Settings

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_a_flood_is_recorded_whole_and_told_a_few_times(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    assert refusals.read(settings) == refusals.Refusals(0, "") and not store.place(settings).exists()
    with time_machine.travel(NOW, tick=False):
        left = [refusals.record(settings, f"run {n}", f"it sets PATH {n}") for n in range(refusals.TOLD + 3)]
        assert left == [5, 4, 3, 2, 1, 0, 0, 0]
        assert refusals.read(settings) == refusals.Refusals(8, "2026-11-20 09:00 UTC: it sets PATH 7")
    with time_machine.travel(NOW + timedelta(hours=2), tick=False):
        assert refusals.record(settings, "run", "it sets PATH") == refusals.TOLD
    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        assert refusals.read(settings) == refusals.Refusals(0, "2026-11-20 11:00 UTC: it sets PATH")


def test_the_record_does_not_grow_without_end(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    refusals.record(settings, "run", "first")
    with store.transaction(settings) as conn:
        many = [(0.0, "run", "old")] * (refusals.KEPT + 50)
        conn.executemany("INSERT INTO refused_run VALUES (?, ?, ?)", many)
    refusals.record(settings, "run", "last")
    with store.transaction(settings) as conn:
        assert conn.execute("SELECT count(*) FROM refused_run").fetchone()[0] == refusals.KEPT
