"""The rule by which an approval holds although people went on using the application."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from runbook.models import Firing, Plan
from runbook.planning import recheck
from runbook.settings import Settings
from tests import samples

SETTINGS = Settings(plan_tolerance_percent=10, plan_tolerance_rows=100)
PLAN = samples.plan()
FIRING = Firing("trigger", "audit", "users", ("UPDATE",), "audit", {"audit_log": ["INSERT"]}, readable=True)
DELETING = samples.plan(oauth="delete")


def voids(now: Plan, approved: Plan = PLAN) -> list[str]:
    return [*recheck.changed(approved, now), *recheck.grown(approved, now, SETTINGS)]


def users(plan: Plan, **counts: int) -> Plan:
    return replace(plan, users={**plan.users, **{name.replace("_", " "): n for name, n in counts.items()}})


def test_the_same_plan_holds() -> None:
    assert voids(samples.plan(drawn_at=samples.at(20), sessions=(), database_bytes=1, warnings=())) == []


def _script(plan: Plan, **changes: Any) -> Plan:
    return replace(plan, scripts=[replace(plan.scripts[0], **changes), *plan.scripts[1:]])


LETTERS: dict[str, tuple[Callable[[Plan], Plan], str]] = {
    "database": (lambda p: replace(p, identity=replace(p.identity, system_identifier=1)), "database: approved"),
    "script": (lambda p: _script(p, sha256="0" * 64), "script: approved rollback/012_rollback_oauth.sql"),
    "skipped": (lambda p: _script(p, action="skip"), "(skip, SHA-256"),
    "order": (lambda p: replace(p, scripts=list(reversed(p.scripts))), "order of the scripts"),
    "oauth": (lambda p: replace(p, oauth="delete"), "choice for OAuth users: approved temporary passwords, now delete"),
    "gemini": (lambda p: replace(p, gemini="remove"), "choice for gemini: approved keep, now remove"),
    "migration": (lambda p: replace(p, migrations={**p.migrations, "011": "absent"}), "migrations: approved"),
    "tag": (
        lambda p: replace(p, release=p.release and replace(p.release, commit="f" * 40)),
        "release: approved v1.8.3",
    ),
    "services": (lambda p: replace(p, services=("backend",)), "services: approved backend, frontend, now backend"),
    "verdict": (lambda p: replace(p, verdict=replace(p.verdict, word="doubtful")), "verdict: approved justified"),
    "trigger": (
        lambda p: replace(p, fires=(FIRING,)),
        "triggers, rules and event triggers: approved none, now Trigger audit on users (UPDATE) by audit(): its text",
    ),
    "orphans": (
        lambda p: replace(p, unguarded=("a.b is not validated",)),
        "foreign keys that let orphans exist: approved none, now a.b is not validated",
    ),
    "blocker": (lambda p: replace(p, blockers=("No room.",)), "stands in the way now: No room."),
}


@pytest.mark.parametrize(("change", "said"), LETTERS.values(), ids=LETTERS.keys())
def test_what_was_approved_to_the_letter(change: Callable[[Plan], Plan], said: str) -> None:
    lines = voids(change(PLAN))
    assert len(lines) == 1
    assert said in lines[0]


@pytest.mark.parametrize(("count", "void"), [(1080, False), (1079, True), (1320, False), (1321, True)])
def test_large_counts_may_move_by_ten_percent(count: int, void: bool) -> None:
    assert bool(voids(users(PLAN, password_only=count))) is void


@pytest.mark.parametrize(("count", "void"), [(0, False), (131, False), (132, True)])
def test_small_counts_may_move_by_a_hundred_rows(count: int, void: bool) -> None:
    assert bool(voids(users(PLAN, both=count))) is void


@pytest.mark.parametrize(("count", "void"), [(213, False), (0, False), (214, False), (215, True)])
def test_users_to_be_deleted_never_become_more(count: int, void: bool) -> None:
    lines = voids(users(DELETING, OAuth_only=count), DELETING)
    assert lines == ([f"OAuth only: approved 214, now {count} (more users would be deleted than were approved)"] * void)


def test_what_deleted_users_write_meanwhile_goes_within_the_tolerance() -> None:
    assert voids(replace(DELETING, cascade={"digital_twins": 0, "messages": 44232}), DELETING) == []
    assert voids(replace(DELETING, cascade={"digital_twins": 60, "messages": 44233}), DELETING)


@pytest.mark.parametrize("field", ["removed", "placeholders", "cascade", "unlinked"])
def test_a_kind_of_loss_that_nobody_saw_voids(field: str) -> None:
    changes: dict[str, Any] = {field: {**getattr(DELETING, field), "new": 1}}
    lines = voids(replace(DELETING, **changes), DELETING)
    assert lines == ["new: approved 0, now 1 (not in the approved plan at all)"]
