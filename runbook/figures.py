"""Figures and times as people read them."""

from datetime import UTC, datetime

MINUTE = 60
HOUR = 3600
UNIT = 1000


def duration(seconds: float) -> str:
    """Say a duration: ``84 ms``, ``1.2 s``, ``4 min 05 s``, ``1 h 02 min``."""
    if seconds < 0.9995:  # noqa: PLR2004 - what rounds to 1000 ms is said in s
        return f"{seconds * 1000:.0f} ms"
    if seconds < MINUTE - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"


def size(count: int) -> str:
    """Say a number of bytes in decimal units with three digits: ``214 MB``, ``1.85 GB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < UNIT - 0.5 or unit == "TB":
            break
        value /= UNIT
    return f"{count} B" if unit == "B" else f"{_three_digits(value)} {unit}"


def _three_digits(value: float) -> str:
    """Write a number with three digits, such as 1.85, 21.4 or 214."""
    places = 2 if value < 9.995 else 1 if value < 99.95 else 0  # noqa: PLR2004 - where rounding adds a digit
    return f"{value:.{places}f}"


def moment(when: datetime) -> str:
    """Say a moment in UTC, whatever zone it came in."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def count(number: int, noun: str) -> str:
    """Say how many: ``1 row``, ``12,040 rows``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def short(digest: str) -> str:
    """Shorten a hash to what an eye can compare."""
    return digest[:12]
