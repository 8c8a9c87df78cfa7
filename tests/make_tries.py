"""Write docs/security-tries.md, what was tried against the gate and how it ended: python -m tests.make_tries.

Runs every test that is marked as an attack (tests/attacks.py); words behind the command are given to pytest, such as
--pg 18.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests import attacks
from tests.attacks import Attack
from tests.make_readme import table

FILE = Path(__file__).parent.parent / "docs" / "security-tries.md"
HEADER = ("what is tried", "what stops it", "outcome", "test")
HELD, THROUGH, UNTRIED = "held", "NOT STOPPED", "not tried"
INTRODUCTION = """# What was tried against it, and how it ended

Each line is a test at a real door: Prefect's server and its API, a worker, a PostgreSQL server, a shell, a mail server.
*Held* means: the try ended with nothing changed that it was after, as the test's own look at database, files and
messages says; a number is how many variants were tried. Who is meant, and what is left, says
[the threat model](security.md).

Written by `make tries`.
"""


class Outcomes:
    """Hears from pytest what became of each test."""

    def __init__(self) -> None:
        self.of: dict[str, Counter[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: by its call, or by where it did not come to it."""
        if report.when == "call" or not report.passed:
            name = report.nodeid.partition("[")[0]
            self.of.setdefault(name, Counter())[report.outcome] += 1


def main() -> int:
    """Run the tests, write the page, and return 1 where a try was not stopped, or not made."""
    tried = attacks.found()
    heard = Outcomes()
    pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:], *dict.fromkeys(one.test for one in tried)], [heard])
    outcomes = {one.test: word(heard.of.get(one.test, Counter())) for one in tried}
    FILE.write_text(page(tried, outcomes), encoding="utf-8")
    return 0 if all(outcome.startswith(HELD) for outcome in outcomes.values()) else 1


def word(counted: Mapping[str, int]) -> str:
    """Say what became of a test and its variants."""
    if counted.get("failed"):
        return THROUGH
    passed = counted.get("passed", 0)
    return f"{HELD} ({passed})" if passed > 1 else HELD if passed else UNTRIED


def page(tried: Sequence[Attack], outcomes: Mapping[str, str]) -> str:
    """Return the page: a table for each who."""
    parts = [INTRODUCTION]
    for who, title in attacks.WHO.items():
        if rows := [row(one, outcomes[one.test]) for one in tried if one.who == who]:
            parts.append(f"## {title}\n\n{table(HEADER, rows)}")
    return "\n".join(parts)


def row(one: Attack, outcome: str) -> tuple[str, str, str, str]:
    """Return a line of the page."""
    what, stops = (cell.replace("|", "\\|").replace("<", "&lt;") for cell in (one.what, one.stops))
    return what, stops, outcome, f"`{one.test.removeprefix('tests/')}`"


if __name__ == "__main__":
    sys.exit(main())
