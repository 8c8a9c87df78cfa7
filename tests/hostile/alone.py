"""One case on one database: what becomes of it, and what is not right about that."""

from pathlib import Path

import psycopg
import pytest

from tests import runbook_runs
from tests.databases import Database, Templates
from tests.hostile import judging, references, runner
from tests.hostile.case import Case
from tests.hostile.references import Reference


def faults(
    templates: Templates, case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch, *, by_hand: bool = True
) -> list[str]:
    """Plan and run with one case; return what is not as it should be."""
    return tried(templates, case, folder, monkeypatch, by_hand=by_hand)[1]


def tried(
    templates: Templates, case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch, *, by_hand: bool = True
) -> tuple[runner.Outcome, list[str]]:
    """Plan and run with one case; return what became of it, and what is not as it should be.

    ``by_hand``: where it is blocked, see that the transaction would not have done well.
    """
    reference = references.of(templates, tuple(case.forward))
    try:
        with runner.added(templates, [case]) as database:
            runbook_runs.aim(monkeypatch, database, folder)
            outcome = runner.tried(database, [case], reference)
            return outcome, _judged(database, case, outcome, reference if by_hand else None)
    except psycopg.Error as error:
        return runner.Outcome(), [f"it cannot be added: {error}"]


def _judged(database: Database, case: Case, outcome: runner.Outcome, reference: Reference | None) -> list[str]:
    """Return what is not right about one case alone; empty: it ended as it should."""
    wrong = list(outcome.wrong)
    if case.expect != outcome.word:
        wrong.append(f"should be: {case.expect}; is: {outcome.word}: {'; '.join(outcome.blockers)}")
    where = "\n".join(outcome.blockers) if outcome.word == "blocked" else outcome.page
    if not judging.said(case.says, where):
        wrong.append(f"not named ({case.says}) in {'the blockers' if outcome.word == 'blocked' else 'the plan'}")
    blocked = outcome.word == "blocked" and not case.beside
    if blocked and reference and not judging.by_hand(database, runner.asked([case]), reference, case.role):
        wrong.append(f"blocked without need, the transaction does well by hand: {'; '.join(outcome.blockers)}")
    if outcome.done:
        wrong += [f"is not so afterwards: {query}" for query in case.after if not runner.holds(database, query)]
    return wrong
