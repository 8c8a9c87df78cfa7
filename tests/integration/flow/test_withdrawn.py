"""Somebody changes a run's state at Prefect while it waits: it ends within seconds, says so, and holds nothing."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling, Completed, Crashed, Failed, Paused, Scheduled

from flows.rollback import rollback
from runbook import settings
from runbook.approval import approvals, host_door
from runbook.models import Plan
from runbook.request import RollbackRequest
from tests import runbook_runs
from tests.databases import Database
from tests.integration.test_team import Channel
from tests.waiting import until

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    pytest.mark.pg("18"),
    # One of apprise's plugins imports what Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]
LOCKS = """
SELECT count(*) FROM pg_locks
 WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
AT_ONCE = 10
"""How many s a run may take to end, on a busy machine."""


def ended(act: Callable[[SyncPrefectClient, UUID], object]) -> tuple[State[Any], UUID, float]:
    """Act on a run that waits; return how it ended, and how long after."""
    acted: list[float] = []
    runs: list[UUID] = []

    def work(flow_run: UUID) -> None:
        with get_client(sync_client=True) as api:
            until(lambda: api.read_flow_run(flow_run).state_type == StateType.PAUSED)
            acted.append(time.monotonic())
            act(api, flow_run)

    def tell(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
        runs.append(UUID(flow_run))
        Thread(target=work, args=(runs[0],), daemon=True).start()

    with approvals.heard(tell):
        state: State[Any] = rollback(RollbackRequest.model_validate(runbook_runs.REQUEST), return_state=True)
    return state, runs[0], time.monotonic() - acted[0]


@pytest.mark.parametrize(
    ("to", "said"),
    [
        (Cancelled(), "cancelled"),
        (Cancelling(), "cancelled"),
        (Completed(message="All done."), "set to Completed"),
        (Failed(), "set to Failed"),
        (Crashed(), "set to Crashed"),
        (Scheduled(), "set to Scheduled"),
        (Paused(), "set to Paused"),
    ],
    ids=lambda one: one.name if isinstance(one, State) else "",
)
@pytest.mark.attack(
    "api",
    "sets a waiting run to Completed, Failed, Scheduled and the like, to pass for done",
    "the run ends as cancelled with nothing changed, and says who is not known",
)
def test_a_state_set_by_hand_ends_the_wait(  # noqa: PLR0917
    to: State[Any],
    said: str,
    transformed: Database,
    aim: Callable[[Database], Database],
    team: Channel,
    tmp_path: Path,
) -> None:
    aim(transformed)
    before = transformed.checksums()
    state, run, took = ended(lambda api, run: api.set_flow_run_state(run, to, force=True))
    assert took < AT_ONCE
    assert (state.type, state.name) == (StateType.CANCELLED, "Cancelled")
    words = f"The run was {said} through Prefect's API at "
    assert words in str(state.message) and "nobody that is known" in str(state.message)
    assert transformed.column("SELECT outcome FROM rollback.run") == ["cancelled"]
    assert transformed.checksums() == before
    assert transformed.value(LOCKS) == 0
    assert host_door.waiting(settings.load()) == []
    with get_client(sync_client=True) as api:
        assert api.read_flow_run(run).state_type == StateType.CANCELLED
    [report] = (tmp_path / "reports").glob("report-*.md")
    assert report.read_text().startswith("# Cancelled") and words in report.read_text()
    assert "Rolled back" not in report.read_text()
    until(lambda: any("CANCELLED" in heard["title"] and words in heard["message"] for heard in team.heard))


@pytest.mark.attack(
    "api",
    "deletes a waiting run",
    "its process ends and lets go of the database",
)
def test_a_run_that_is_deleted_ends(transformed: Database, aim: Callable[[Database], Database]) -> None:
    aim(transformed)
    with pytest.raises(ObjectNotFound):
        ended(lambda api, run: api.delete_flow_run(run))
    assert transformed.column("SELECT outcome FROM rollback.run") == ["cancelled"]
    assert transformed.value(LOCKS) == 0
