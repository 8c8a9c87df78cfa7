"""The process of one run: python -m deployments.flowrun, started by the worker for the run PREFECT__FLOW_RUN_ID.

It runs one of the known flows from this installation's own code, or says why the run is refused.
"""

import importlib
import json
import os
import sys
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect._internal.control_listener import configure_from_env
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.engine import handle_engine_signals
from prefect.flow_engine import run_flow
from prefect.logging.loggers import flow_run_logger
from prefect.states import Cancelled

from deployments import admission
from flows import results, runpage
from runbook import refusals, targets
from runbook.errors import RollbackError, RunRefused
from runbook.telling import messages, team


def main(words: list[str]) -> None:
    """Run the flow, or refuse the run; ``words`` may say that the worker refuses it already."""
    run_id = UUID(os.environ["PREFECT__FLOW_RUN_ID"])
    configure_from_env()
    with handle_engine_signals(run_id):
        results.read_none()
        runpage.decided_by_worker = True
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(run_id)
            deployment = client.read_deployment(run.deployment_id) if run.deployment_id else None
        try:
            if words:
                raise already(words)
            flow = admitted(deployment.model_dump(mode="json") if deployment else None, run.parameters or {})
        except RollbackError as refused:
            refuse(run, f"{run.name} of {deployment.name if deployment else 'no deployment'}", refused)
            return
        run_flow(flow, flow_run=run, return_type="state")


def already(words: list[str]) -> RunRefused:
    """Return why the worker refuses the run."""
    problem, remedy = json.loads(words[1])
    return RunRefused(problem, remedy, targets.NOTHING)


def admitted(deployment: dict[str, Any] | None, parameters: dict[str, Any]) -> Flow[..., Any]:
    """Return the flow of a run. Raises RunRefused."""
    module, _, name = admission.check(deployment, parameters).partition(":")
    found: Flow[..., Any] = getattr(importlib.import_module(module), name)
    return found


def refuse(run: FlowRun, called: str, refused: RollbackError) -> None:
    """End a run that is refused: its state, its log and the team's channel say why."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Cancelled(name="Refused", message=str(refused)), force=True)
    flow_run_logger(run).error("Refused: %s", refused)
    try:
        loaded = runpage.load()
        if left := refusals.record(loaded, str(run.id), refused.problem):
            last = "Further ones of this hour are only recorded: rollback status." if left == 1 else ""
            lines = [str(refused), f"The run: {ascii(called)[1:-1]}.", messages.link(loaded, str(run.id)), last]
            team.tell(loaded, "A run was REFUSED by its worker", "\n".join(filter(None, lines)) + "\n")
    except RollbackError as error:
        flow_run_logger(run).error("The team could not be told: %s", error.problem)


if __name__ == "__main__":
    main(sys.argv[1:])
