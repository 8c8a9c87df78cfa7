from datetime import UTC, datetime, timedelta, timezone

import pytest

from runbook import figures


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 ms"),
        (0.084, "84 ms"),
        (0.9996, "1.0 s"),
        (1.23, "1.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (245, "4 min 05 s"),
        (3599.7, "1 h 00 min"),
        (3720, "1 h 02 min"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert figures.duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (999_600, "1.00 MB"),
        (214_300_000, "214 MB"),
        (10**16, "10000 TB"),
    ],
)
def test_sizes(count: int, said: str) -> None:
    assert figures.size(count) == said


def test_a_moment_is_in_utc() -> None:
    assert figures.moment(datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31 23:00:00 UTC"
    assert figures.moment(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01 00:00:00 UTC"


def test_counts() -> None:
    assert [figures.count(n, "row") for n in (0, 1, 12040)] == ["0 rows", "1 row", "12,040 rows"]
