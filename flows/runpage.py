"""The page of a run in Prefect's UI: its address, its name, its tags, how far it is, and that it outlives its wait."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.runtime import flow_run as this_run
from prefect.settings import PREFECT_UI_URL
from prefect.states import Running

from runbook import journal, settings
from runbook.errors import RunRefused
from runbook.models import Step
from runbook.planning import forecast
from runbook.runs import Run
from runbook.settings import Settings
from runbook.telling import standing, timeline
from tasks import progress

log = logging.getLogger(__name__)

decided_by_worker = False
"""Whether this is the process of a run whose environment the runbook's own worker decided (deployments/flowrun.py)."""
STEPS = len(forecast.TYPICAL) + 1
"""How many steps a run has, authorise among them."""


def name() -> str:
    """Name the run by incident and target."""
    request = this_run.parameters["request"]
    incident = request["incident"] if isinstance(request, dict) else request.incident
    return f"{incident} on {settings.load().target}"


def load() -> Settings:
    """Read the settings; where they do not say where the UI is, Prefect's own do. Raises RunRefused, SettingsInvalid.

    A run of a deployment is refused in the process of a worker that takes its environment from Prefect's API.
    """
    context = FlowRunContext.get()
    if context and context.flow_run and context.flow_run.deployment_id and not decided_by_worker:
        raise RunRefused(
            "This run was started by a worker of Prefect's own: whoever reaches Prefect would decide what it does.",
            "Stop that worker, and start the runbook's: python -m deployments.worker",
            "Nothing was touched.",
        )
    loaded = settings.load()
    ui = PREFECT_UI_URL.value()
    return loaded if loaded.run_url or not ui else loaded.model_copy(update={"run_url": ui})


def keep(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """Let the run forget its place in the deployment's concurrency limit, so that it outlives its wait.

    Prefect 3.8 takes the place away when a run pauses, and up to four minutes later cancels the run, wherever it is by
    then, because the place cannot be renewed. A run that knows of no place renews none. That only one runner works on
    a database is held by the lock in PostgreSQL.
    """
    if state.state_details.deployment_concurrency_lease_id:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(flow_run.id, Running(), force=True)


@contextmanager
def shown(run: Run) -> Iterator[None]:
    """Tag the run, and show how far it is, while the block runs."""
    _tag(run)
    steps: list[Step] = []
    with progress("progress", "Begun. Users are online.") as move:

        def tell(step: Step) -> None:
            steps.append(step)
            users = "OFFLINE" if standing.services_stopped(steps) else "online"
            said = f"Last step: {step.name}, {step.outcome} after {timeline.took(step)}. Users are {users}."
            move(len({one.name for one in steps}), STEPS, said)

        journal.listeners.append(tell)
        try:
            yield
        finally:
            journal.listeners.remove(tell)


def _tag(run: Run) -> None:
    """Tag the run with incident and target, by which the list of runs is filtered; without tags it runs as well."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    tags = {*context.flow_run.tags, "rollback", run.request.incident, run.settings.target}
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(context.flow_run.id, tags=tags)
    except Exception as error:  # whatever Prefect's client raises
        log.warning("The run was not tagged (%s).", type(error).__name__)
