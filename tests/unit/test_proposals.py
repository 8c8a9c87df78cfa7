"""What becomes of a proposal: exit statuses, and following one whose server is gone."""

from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments import proposals
from deployments.proposals import Proposal
from deployments.server import ServerUnreachable
from runbook.errors import RollbackError
from runbook.request import RollbackRequest


def proposal(state: str, message: str = "") -> Proposal:
    return Proposal("00000000-0000-0000-0000-000000000001", "", "INC-1 on production", True, state, message)


@pytest.mark.parametrize(
    ("state", "message", "status"),
    [
        ("COMPLETED", "COMPLETED: INC-1: rolled back", 0),
        ("CANCELLED", "Declined: nobody answered", 4),
        ("CANCELLED", "Refused: not justified", 4),
        ("CANCELLED", "Cancelled: another run is at work", 1),
        ("FAILED", "FAILED: -", 1),
        ("CRASHED", "CRASHED: -", 1),
    ],
)
def test_the_exit_status_is_that_of_rollback_run(state: str, message: str, status: int) -> None:
    assert proposals.status(proposal(state, message)) == status


@pytest.fixture
def nobody() -> Iterator[None]:
    """The address of a server that is gone."""
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        yield


def test_nothing_was_sent_to_a_server_that_is_gone(nobody: None) -> None:
    asked = RollbackRequest(incident="INC-1", reason="Chat is broken.", oauth="keep")
    with pytest.raises(ServerUnreachable) as error:
        proposals.propose(asked)
    assert error.value.state == "Nothing was sent."


def test_a_run_goes_on_when_following_it_is_given_up(nobody: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "TRIES", 2)
    with pytest.raises(RollbackError) as error:
        proposals.followed(proposal("PAUSED"), print, seconds=0)
    assert error.value.state == "The run goes on without being followed." and "does not answer" in error.value.problem
