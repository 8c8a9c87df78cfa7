"""Packs: cases that share a database, so that all are tried in little time; `make obstacles` tries each alone."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import runbook_runs
from tests.databases import ALL, Database, Templates
from tests.hostile import alone, judging, references, runner
from tests.hostile.case import Case
from tests.hostile.catalogue import CASES

Pack = Sequence[Case]
Try = Callable[[Pack, str], list[str]]
"""Tries a pack on a version of PostgreSQL, and returns what did not end as it should."""

MOST = {"goes ahead": 10, "blocked": 5}
"""How many cases are put on one database."""
PARTS = 4
"""Into how many files the packs are dealt out."""


def chosen(part: int) -> list[Any]:
    """Return the parameters of a test over one of the PARTS: packs of cases, each with its version."""
    mine = list(_packs(CASES))[part - 1 :: PARTS]
    return [pytest.param(pack, version, id=f"{_name(pack)}-pg{version}") for version, pack in mine]


def _name(pack: Sequence[Case]) -> str:
    return pack[0].name + (f" and {len(pack) - 1} more" if pack[1:] else "")


def _packs(cases: Sequence[Case]) -> Iterator[tuple[str, Sequence[Case]]]:
    for version in sorted({version for case in cases for version in case.versions}):
        pools: dict[object, list[Case]] = defaultdict(list)
        for case in (case for case in cases if version in case.versions):
            pools[case.expect, tuple(case.request.items()), bool(case.env)].append(case)
        for pool in pools.values():
            yield from ((version, [case]) for case in pool if not _shares(case))
            yield from ((version, pack) for pack in _dealt(pool) if pack)


def _dealt(pool: Sequence[Case]) -> list[Sequence[Case]]:
    """Deal cases out like cards: neighbours in the catalogue are of one kind, and stand in each other's way.

    One that stands alone keeps its place, so that the others stay where they are.
    """
    count = -(-len(pool) // MOST[pool[0].expect])
    return [[case for case in pool[number::count] if _shares(case)] for number in range(count)]


def _shares(case: Case) -> bool:
    return not (case.alone or case.undo or case.undo_after or case.role) and tuple(case.forward) == ALL


def faults(templates: Templates, pack: Sequence[Case], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Plan and run with a pack; where that is not right, try its members alone and say which it is."""
    if not pack[1:]:
        return alone.faults(templates, pack[0], folder, monkeypatch, by_hand=pack[0].expect != "blocked")
    if not (found := tried(templates, pack, folder, monkeypatch)[1]):
        return []
    for case in pack:
        found += [f"{case.name}, alone: {one}" for one in alone.faults(templates, case, folder, monkeypatch)]
    return [f"a pack of {len(pack)}: {', '.join(case.name for case in pack)}", *found]


def tried(
    templates: Templates, pack: Sequence[Case], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[runner.Outcome, list[str]]:
    """Plan and run with a pack; return what became of it, and what is not as it should be."""
    reference = references.of(templates, ALL)
    try:
        with runner.added(templates, pack) as database:
            runbook_runs.aim(monkeypatch, database, folder)
            outcome = runner.tried(database, pack, reference)
            return outcome, [*outcome.wrong, *_judged(database, pack, outcome)]
    except psycopg.Error as error:
        return runner.Outcome(), [f"they cannot be added together: {error}"]


def _judged(database: Database, pack: Sequence[Case], outcome: runner.Outcome) -> Iterator[str]:
    if outcome.word != pack[0].expect:
        yield f"should be: {pack[0].expect}; is: {outcome.word}: {'; '.join(outcome.blockers)}"
    for case in pack:
        # Of what only the trial meets, the blockers name the first of a step; the others stand among the warnings.
        if not judging.said(case.says, outcome.page):
            yield f"{case.name}: not named ({case.says})"
        if outcome.done:
            yield from (
                f"{case.name}: is not so afterwards: {query}"
                for query in case.after
                if not runner.holds(database, query)
            )
