"""A run that somebody set to Completed before it began: the terminal says that nothing was done."""

import io
from contextlib import nullcontext

import pytest
from prefect.states import Completed
from rich.console import Console

from flows import session
from runbook.request import RollbackRequest
from tests import runbook_runs


@pytest.mark.attack(
    "api",
    "sets a run that an operator has just started to Completed, with a message of their own",
    "the terminal believes what its own process did, and ends with 1",
)
def test_a_state_that_nobody_worked_for_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's engine gives such a state back and does not run the flow; a stand-in does the same."""
    monkeypatch.setattr(session, "server", lambda _: nullcontext())
    monkeypatch.setattr(session, "rollback", lambda *_, **__: Completed(message="rolled back, verified"))
    said = io.StringIO()
    request = RollbackRequest.model_validate({**runbook_runs.REQUEST, "requested_by": "Grace Hopper"})
    assert session.run(request, Console(file=said, width=200)) == 1
    assert "it did nothing: somebody set its state by hand" in said.getvalue()
    assert "rolled back, verified" not in said.getvalue()
