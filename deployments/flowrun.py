"""The process of one run: python -m deployments.flowrun, started by the worker for the run PREFECT__FLOW_RUN_ID.

It runs one of the known flows from this installation's own code, or says why the run is refused.
"""

import importlib
import json
import os
import sys
from typing import Any, NoReturn
from uuid import UUID

from prefect import Flow
from prefect._internal.control_listener import configure_from_env
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.engine import handle_engine_signals
from prefect.flow_engine import run_flow
from prefect.logging.loggers import flow_run_logger
from prefect.results import ResultStore
from prefect.states import Cancelled

from deployments import admission
from flows import runpage
from runbook import targets
from runbook.errors import RollbackError, RunRefused
from runbook.telling import messages, team


def main(words: list[str]) -> None:
    """Run the flow, or refuse the run; ``words`` may say that the worker refuses it already."""
    run_id = UUID(os.environ["PREFECT__FLOW_RUN_ID"])
    configure_from_env()
    with handle_engine_signals(run_id):
        read_no_results()
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
        link = messages.link(loaded, str(run.id))
        body = f"{refused}\nThe run: {ascii(called)[1:-1]}.\n{link}".strip()
        team.tell(loaded, "A run was REFUSED by its worker", f"{body}\n")
    except RollbackError as error:
        flow_run_logger(run).error("The team could not be told: %s", error.problem)


def read_no_results() -> None:
    """Let this process load no result that Prefect's API names: reading one unpickles whatever somebody put there."""

    def refused(*_: object, **__: object) -> NoReturn:
        raise RunRefused("A stored result was named, and none is read here.", "", targets.NOTHING)

    for name in ("read", "aread", "_read", "_aread"):
        if hasattr(ResultStore, name):
            setattr(ResultStore, name, refused)


if __name__ == "__main__":
    main(sys.argv[1:])
