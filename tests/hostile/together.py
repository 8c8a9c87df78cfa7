"""Some cases on one database: which go together, and what is not right about them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
import pytest
from hypothesis import reject
from hypothesis import strategies as st

from tests import runbook_runs
from tests.databases import ALL, Database, Templates
from tests.hostile import judging, references, runner
from tests.hostile.case import Case
from tests.hostile.catalogue import CASES
from tests.hostile.references import Reference

MOST = 6
"""How many cases are put on one database at most."""
VERSION = "18"

COMBINABLE = [
    case
    for case in CASES
    if not (case.alone or case.env or case.undo or case.role)
    and VERSION in case.versions
    and tuple(case.forward) == ALL
]
REQUESTS: Sequence[Mapping[str, str]] = ({}, {"oauth": "delete"}, {"oauth": "keep"}, {"gemini": "remove"})


def fitting(request: Mapping[str, str], *, willing: bool) -> list[Case]:
    """Return the cases of a request; ``willing``: those that alone do not block."""
    return [case for case in COMBINABLE if case.request == request and not (willing and case.expect == "blocked")]


def some(*, willing: bool) -> st.SearchStrategy[list[Case]]:
    """Draw two to MOST cases of one request, in the catalogue's order."""
    pools = [pool for request in REQUESTS if len(pool := fitting(request, willing=willing)) > 1]
    # Most cases are of the first request: as many of the draws should be.
    weighed = [pool for pool in pools for _ in range(1 + len(pool) // 50)]
    return st.sampled_from(weighed).flatmap(
        lambda pool: st.lists(st.sampled_from(range(len(pool))), min_size=2, max_size=MOST, unique=True).map(
            lambda numbers: [pool[number] for number in sorted(numbers)]
        )
    )


def faults(templates: Templates, cases: Sequence[Case], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Plan and run with these cases; return what is not right. Those that exclude one another are rejected."""
    reference = references.of(templates, ALL)
    try:
        with runner.added(templates, cases) as database:
            runbook_runs.aim(monkeypatch, database, folder)
            outcome = runner.tried(database, cases, reference)
            return [*outcome.wrong, *_unnamed(cases, outcome), *_needless(database, cases, outcome, reference)]
    except psycopg.Error:
        reject()


def _unnamed(cases: Sequence[Case], outcome: runner.Outcome) -> list[str]:
    """Return the obstacles that the plan does not name.

    Of what only the trial meets, the blockers name the first of a step; the others stand among the warnings.
    """
    blocking = [case for case in cases if case.expect == "blocked"]
    if blocking and not outcome.blockers:
        return [f"should be blocked by {', '.join(case.name for case in blocking)}"]
    return [
        f"{case.name}: not named ({case.says}) in the plan"
        for case in blocking
        if not judging.said(case.says, "\n".join([outcome.page, *outcome.blockers]))
    ]


def _needless(database: Database, cases: Sequence[Case], outcome: runner.Outcome, reference: Reference) -> list[str]:
    """Return why it is blocked where no case calls for that and the transaction does well by hand."""
    if outcome.word != "blocked" or any(case.expect != "goes ahead" for case in cases):
        return []
    if judging.by_hand(database, runner.asked(cases), reference):
        return []
    return [f"blocked without need: {'; '.join(outcome.blockers)}"]
