"""A few of the cases through the real flow, from the plan to the portable dump, with Prefect around it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runbook.approval import approvals
from runbook.models import Plan
from runbook.planning import planpage
from runbook.request import RollbackRequest
from tests import runbook_runs
from tests.databases import ALL, Templates
from tests.hostile import judging, oracle, references, runner
from tests.hostile.case import Case
from tests.hostile.catalogue import CASES

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    # One of apprise's plugins imports what Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

TOGETHER = (
    (
        "an audit trigger on users",
        "a log of all DDL",
        "a view with a label as text",
        "an index on dropped columns alone",
        "names with spaces, capitals, quotes and percent signs",
    ),
    ("another schema's rows that go with a knowledge base", "another schema's rows that lose their user"),
    ("the database's search_path lacks public",),
    ("the database is set to statement_timeout = '15ms'", "the database is set to datestyle = 'German'"),
    ("a runner that is no superuser and acts for the owner",),
    ("a trigger that forbids to change users", "a check with a label as text"),
)


def chosen(names: tuple[str, ...]) -> list[Case]:
    by_name = {case.name: case for case in CASES}
    return [by_name[name] for name in names]


@pytest.mark.parametrize("names", TOGETHER, ids=[names[0] for names in TOGETHER])
def test_the_flow_ends_as_the_plan_says(
    names: tuple[str, ...], hostile: Callable[[str], Templates], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = chosen(names)
    with runner.added(hostile("18"), cases) as database:
        runbook_runs.aim(monkeypatch, database, tmp_path)
        for case in cases:
            if case.role:
                monkeypatch.setenv("PGUSER", case.role)
        pages: list[str] = []

        def look(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
            pages.append(planpage.plan_markdown(plan, request, plan.drawn_at))

        monkeypatch.setattr(approvals, "listeners", [look])
        before = oracle.look(database)
        request = runner.asked(cases)
        state = runbook_runs.run(**request.model_dump(include={"oauth", "gemini", "notify_users"}))
        after = oracle.look(database)

        if any(case.expect == "blocked" for case in cases):
            assert state.name == "Refused"
            assert [case.name for case in cases if not judging.said(case.says, str(state.message))] == []
            assert judging.differences(before, after) == []
        else:
            assert state.is_completed(), state.message
            assert [case.name for case in cases if not judging.said(case.says, pages[0])] == []
            assert judging.unannounced(before, after, request, pages[0], references.of(hostile("18"), ALL)) == []
            assert list((tmp_path / "backups").glob("*.dump"))
