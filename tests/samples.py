"""A plan and a run as they might be, for tests of what is made of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook.approval.answer import Approval
from runbook.models import Check, Identity, Outcome, Plan, Project, Release, Script, Session, Step
from runbook.outlook import Means, Method, Verdict, Way
from runbook.planning.plandata import plan_hash
from runbook.request import RollbackRequest
from runbook.safekeeping.kept import Backup
from runbook.telling.summary import Summary

BEGIN = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
DUMP_SHA = "1f3a" + "0" * 60


def at(minutes: float = 0, seconds: float = 0) -> datetime:
    """Return a moment after the incident was identified."""
    return BEGIN + timedelta(minutes=minutes, seconds=seconds)


def request(**changes: Any) -> RollbackRequest:
    fields: dict[str, Any] = {
        "incident": "INC-2041",
        "reason": "Nobody can log in since the release.",
        "triggers": ["critical functionality broken: auth"],
        "oauth": "temporary passwords",
        "previous_tag": "v1.8.3",
        "identified_at": BEGIN,
        "requested_by": "Ann Archer",
    }
    return RollbackRequest(**{**fields, **changes})


def means(method: Method = "dump", **changes: Any) -> Means:
    snapshot = Way("snapshot", 0.5, 0, "a copy on the same server; it shares its blocks with the original (xfs)")
    ways = [snapshot, Way("dump", 12.6, 0, "pg_dump with 2 jobs inside the outage")]
    return replace(Means(method, "the request asks for it", True, ways), **changes)


def plan(**changes: Any) -> Plan:
    drawn = Plan(
        identity=Identity(7301234567890123456, "digitaltwin", 160014),
        drawn_at=at(4),
        verdict=Verdict("justified", "The procedure says rollback: critical functionality is broken (auth)."),
        identified_at=BEGIN,
        decide_by=at(30),
        migrations={"010": "applied", "011": "partial", "012": "applied", "013": "applied"},
        scripts=[
            Script("012", "rollback/012_rollback_oauth.sql", "a" * 64, "run", "012 is applied"),
            Script("011", "rollback/011_rollback_handover.sql", "b" * 64, "run", "011 is half applied"),
            Script("010", "rollback/010_rollback_knowledge_base.sql", "c" * 64, "run", "010 is applied"),
        ],
        oauth="temporary passwords",
        gemini="keep",
        users={"password only": 1200, "OAuth only": 214, "both": 31},
        removed={"users.oauth_id": 245, "knowledge_bases.share_url": 118},
        placeholders={"users.password_hash": 214, "digital_twins.profession": 9},
        cascade={"digital_twins": 60, "messages": 40211},
        sessions=[
            Session(101, "backend", "digitaltwin_user", "10.0.0.5", "idle", 0.2),
            Session(102, "backend", "digitaltwin_user", "10.0.0.5", "active", 1.0),
            Session(103, "realtime-service", "digitaltwin_user", "10.0.0.7", "idle", 9.0),
            Session(104, "", "postgres", "local", "idle", 0.0),
        ],
        database_bytes=1_850_000_000,
        release=Release("v1.8.3", "0123456789abcdef", "v2.0.0", Project(("docker", "compose"))),
        services=("backend", "frontend"),
        backup=means(),
        blockers=(),
        warnings=("A view the team added reads messages.sender; it stays.",),
    )
    drawn = replace(drawn, **changes)
    return replace(drawn, hash=plan_hash(drawn))


def step(name: str, start: float, took: float, outcome: Outcome = "done", **found: object) -> Step:
    """Return a step that began ``start`` s after half past ten."""
    began = at(30, start)
    return Step(name, began, began + timedelta(seconds=took), outcome, found)


def steps() -> list[Step]:
    return [
        Step("assess", at(4), at(4, 1.5), "done", {"blockers": 0}),
        Step("authorise", at(5), at(29), "done", {"by": "Theo Lead"}),
        step("stop services", 0, 2.1, services=["backend", "frontend"]),
        step("fence", 2.1, 0.3),
        step("back up", 2.4, 23.1, bytes=214_000_000, entries=342, sha256=DUMP_SHA, seconds=23.1),
        step("settle OAuth users", 25.5, 0.084, users=214),
        step("012", 25.6, 0.02),
        step("011", 25.62, 0.02),
        step("010", 25.64, 0.02),
        step("verify the schema", 25.7, 0.4),
        step("restore release", 26.1, 3.0, tag="v1.8.3"),
        step("open and start", 29.1, 12.9),
        step("verify", 42.0, 1.1),
    ]


def backup() -> Backup:
    return Backup("/var/backups/backup_before_rollback_20261122_223002.dump", 214_000_000, DUMP_SHA, 342, 23.1)


def checks() -> list[Check]:
    return [
        Check("conversation_status", "active, handed_over, closed", "active, handed_over, closed", True),
        Check("message_sender", "user, assistant, professional", "user, assistant, professional", True),
        Check("user_role", "super_admin, professional, end_user", "super_admin, professional, end_user", True),
    ]


def summary(**changes: Any) -> Summary:
    """Return a rollback that was done, or with ``changes`` another one."""
    done = Summary(
        request=request(),
        plan=plan(),
        approval=Approval(decision="approve", name="Theo Lead", role="Team Lead", comment="Hotfix impossible."),
        approved_at=at(29),
        steps=steps(),
        backup=backup(),
        checks=checks(),
        outcome="done",
        state="The database is at its baseline and release v1.8.3 runs.",
        next="Hold the post-mortem.",
        archived={"rollback.archived_users": 245, "rollback.archived_knowledge_bases": 118},
    )
    return replace(done, **changes)


def failed() -> Summary:
    """Return a rollback that failed inside its transaction and was compensated."""
    course = [*steps()[:6], step("012", 25.6, 0.5, "failed", error="syntax"), step("start services again", 26.1, 9.0)]
    return summary(
        steps=course,
        checks=[],
        outcome="failed",
        state="The database is as it was; the services run on v2.0.0.",
        next="Read the problem, then run again.",
        problem="012 was refused: StatementFailed",
        archived={},
    )
