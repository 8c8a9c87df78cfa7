"""Which changes of rows a plan announces, and which take everything back."""

from typing import Any

import pytest

from runbook.models import Firing
from runbook.schema import endstate
from runbook.settings import Settings
from tests import samples

AUDIT = Firing("trigger", "audit", "users", ("UPDATE",), "audit", {"audit_log": ["INSERT"]}, readable=True)
COUNTER = Firing("trigger", "count", "users", ("UPDATE",), "count", {"knowledge_bases": ["UPDATE"]}, readable=True)
TEMPORARY: dict[str, Any] = {"oauth": "temporary passwords"}
DELETE: dict[str, Any] = {
    "oauth": "delete",
    "placeholders": {},
    "users": {"OAuth only": 5},
    "cascade": {"knowledge_bases": 2, "crm.leads": 3},
    "unlinked": {"crm.notes.notes_owner_fkey": 4},
}

CASES: list[tuple[str, dict[str, Any], dict[str, dict[str, int]], list[str]]] = [
    ("the placeholder", TEMPORARY, {"users": {"updated": 5}}, []),
    ("users gone", TEMPORARY, {"users": {"deleted": 1}}, ["rows changed: users 1 deleted"]),
    ("keep touches nobody", {"oauth": "keep"}, {"users": {"updated": 1}}, ["rows changed: users 1 updated"]),
    ("profession", {"oauth": "keep"}, {"digital_twins": {"updated": 5}}, []),
    (
        "no placeholder",
        {"oauth": "keep", "placeholders": {}},
        {"digital_twins": {"updated": 1}},
        ["rows changed: digital_twins 1 updated"],
    ),
    ("deleted, under the new name", DELETE, {"users": {"deleted": 5}, "digital_twins": {"deleted": 2}}, []),
    ("deleted in another schema", DELETE, {"crm.leads": {"deleted": 3}}, []),
    ("more than announced", DELETE, {"crm.leads": {"deleted": 4}}, ["rows changed: crm.leads 4 deleted"]),
    ("set null", DELETE, {"crm.notes": {"updated": 4}}, []),
    ("set null before it goes", {**DELETE, "unlinked": {"lines.l_fkey": 0}}, {"lines": {"updated": 2}}, []),
    ("users who go along", {**DELETE, "cascade": {"users": 2}}, {"users": {"deleted": 7}}, []),
    ("not that table", DELETE, {"notes": {"updated": 1}}, ["rows changed: notes 1 updated"]),
    ("deleted where set null was said", DELETE, {"crm.notes": {"deleted": 1}}, ["rows changed: crm.notes 1 deleted"]),
    ("an audit", {"fires": [AUDIT]}, {"audit_log": {"inserted": 5}}, []),
    ("rows elsewhere", {"fires": [AUDIT]}, {"crm.trail": {"inserted": 5}}, []),
    ("rows without anything that fires", {}, {"audit_log": {"inserted": 5}}, ["rows changed: audit_log 5 inserted"]),
    (
        "rows in a table of ours",
        {"fires": [AUDIT]},
        {"messages": {"inserted": 1}},
        ["rows changed: messages 1 inserted"],
    ),
    ("an update elsewhere", {"fires": [AUDIT]}, {"audit_log": {"updated": 1}}, ["rows changed: audit_log 1 updated"]),
    (
        "an update that was named",
        {"oauth": "keep", "placeholders": {}, "fires": [COUNTER]},
        {"digital_twins": {"updated": 1}},
        [],
    ),
]


@pytest.mark.parametrize(("plan", "rows", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_the_plan_announces(plan: dict[str, Any], rows: dict[str, dict[str, int]], said: list[str]) -> None:
    assert endstate.unannounced(samples.plan(**plan), rows) == said


def test_what_is_deleted_may_grow_by_the_tolerance() -> None:
    tolerated = Settings(_env_file=None, plan_tolerance_rows=1, plan_tolerance_percent=0).tolerated
    plan = samples.plan(**DELETE)
    assert endstate.unannounced(plan, {"crm.leads": {"deleted": 4}}, tolerated) == []
    assert endstate.unannounced(plan, {"crm.leads": {"deleted": 5}}, tolerated) == ["rows changed: crm.leads 5 deleted"]
