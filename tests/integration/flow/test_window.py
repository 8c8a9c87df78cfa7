"""The time to decide is the incident's, who asks is named, and who became an approver meanwhile does not count."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

from flows import approving
from flows.rollback import rollback
from runbook import settings
from runbook.approval import approvals, approverfile
from runbook.approval.answer import Answer
from runbook.approval.host_door import AnswerResult
from runbook.models import Plan
from runbook.request import RollbackRequest
from runbook.telling import standing
from tests import runbook_runs, waiting
from tests.databases import Database
from tests.integration.test_team import Channel

pytestmark = [
    pytest.mark.pg("18"),
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

DECLINE = {"decision": "decline", "comment": "We fix it forward."}
LEAD = {"name": "Theo Lead", "role": "Team Lead"}
Came = list[tuple[str, AnswerResult]]


@pytest.fixture(autouse=True)
def _aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)


def asked(**request: Any) -> State[Any]:
    return rollback(RollbackRequest.model_validate({**runbook_runs.REQUEST, **request}), return_state=True)


@contextmanager
def answered(*answers: Any) -> Iterator[Came]:
    """Answer a run that waits; each is given with what stood above the form. A function makes an answer then."""
    came: Came = []

    def give(flow_run: UUID, plan: str) -> None:
        for one in answers:
            above = approving.shown_plan(approving.paused(flow_run))
            said: Answer = runbook_runs.answered(plan, **(one() if callable(one) else one))
            came.append((above, approving.give(flow_run, said)))

    def look(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
        Thread(target=give, args=(UUID(flow_run), plan.hash[:12]), daemon=True).start()

    with approvals.heard(look):
        yield came


@pytest.mark.attack(
    "api",
    "proposes again under another incident, so that the 30 minutes begin again",
    "the window is counted from the first identification; earlier proposals are shown",
)
def test_another_incident_for_the_same_trigger_has_no_time_of_its_own(transformed: Database) -> None:
    rows, first = transformed.checksums(), datetime.now(UTC) - timedelta(minutes=20)
    with answered(DECLINE):
        assert asked(identified_at=first, requested_by="Grace\nHopper").name == "Declined"
    with answered(DECLINE) as came:
        assert asked(incident="INC-2", requested_by="Mallory").name == "Declined"
    above = came[0][0]
    assert f"The time to decide counts from {first:%Y-%m-%d %H:%M:%S} UTC" in above
    assert "INC-1, proposed by Grace Hopper, identified" in above
    assert ": declined" in above
    assert above.index("Proposed before") < above.index("What will happen")
    recorded = transformed.value("SELECT request ->> 'identified_at' FROM rollback.run WHERE incident = 'INC-2'")
    assert datetime.fromisoformat(recorded) == first
    listed = standing.read(settings.load()).proposals
    assert [line.split(": ")[1].partition(",")[0] for line in listed] == ["INC-2", "INC-1"]
    assert transformed.checksums() == rows


@pytest.mark.attack(
    "api",
    "moves the identification, or gives dots for a reason",
    "the first identification is kept by the worker; a reason has words",
)
def test_an_identification_is_not_moved_and_a_reason_has_words(transformed: Database) -> None:
    old = datetime.now(UTC) - timedelta(minutes=40)
    assert asked(identified_at=old).name == "Refused"
    again = asked(identified_at=datetime.now(UTC), late_reason=". . . !")
    assert again.name == "Refused"
    assert "Say in late_reason why it is decided so late, in at least" in str(again.message)
    assert transformed.value("SELECT to_regclass('public.digital_twins')") is None


@pytest.mark.attack(
    "api",
    "proposes in production without a name",
    "two approvers are needed, or it is refused",
)
def test_in_production_a_request_of_nobodys_needs_two_or_is_refused(
    transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path, "production")
    monkeypatch.setenv("ROLLBACK_REHEARSAL_DAYS", "0")
    rows = transformed.checksums()
    with answered({}, {**LEAD, **DECLINE}) as came:
        assert asked(requested_by="  ").name == "Declined"
    assert [verdict.accepted for _, verdict in came] == [True, True]
    assert "Nobody is named as who asks" in came[0][0]
    assert "1 of 2 approvals are there" in came[1][0]
    monkeypatch.setenv("ROLLBACK_UNNAMED_REQUEST", "refuse")
    refused = asked(requested_by="")
    assert refused.name == "Refused"
    assert "does not say who asks" in str(refused.message)
    assert transformed.checksums() == rows


@pytest.mark.attack(
    "files",
    "adds an approver, or changes one, while a run waits",
    "they count for the next run; the others are told",
)
def test_who_becomes_an_approver_while_a_run_waits_does_not_count_and_the_others_are_told(
    transformed: Database, team: Channel
) -> None:
    rows = transformed.checksums()

    def newcomer() -> dict[str, str]:
        approverfile.add(settings.load(), "Mallory", "CTO")
        return {"name": "Mallory", "role": "CTO"}

    def changed() -> dict[str, str]:
        approverfile.remove(settings.load(), LEAD["name"])
        approverfile.add(settings.load(), LEAD["name"], "Team Lead")
        runbook_runs.used.clear()
        return LEAD

    with answered(newcomer, changed, DECLINE) as came:
        assert asked().name == "Declined"
    assert [verdict.accepted for _, verdict in came] == [False, False, True]
    assert "Mallory was added among the approvers since this run began to wait" in came[0][1].said
    assert "Theo Lead was changed among the approvers" in came[1][1].said
    waiting.until(lambda: any("Mallory was added" in one["message"] for one in team.heard))
    assert transformed.checksums() == rows
