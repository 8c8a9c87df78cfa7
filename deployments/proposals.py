"""Proposals: runs that a tool asked for, which wait for their approval. Asked for once, followed to their end."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.utilities.urls import url_for

from deployments import server
from deployments.server import ServerRefused, ServerUnreachable
from runbook.errors import RollbackError
from runbook.request import RollbackRequest

DONE, FAILED, DECLINED = 0, 1, 4
"""Exit statuses, as of rollback run; 2 is a command that cannot be understood."""
NEW = 201
POLL_SECONDS = 2.0
TRIES = 30
"""How often a server that does not answer is asked again, before following a run is given up."""
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class DeploymentMissing(RollbackError):
    """The server has no deployment of this name."""


@dataclass(frozen=True)
class Proposal:
    """A run that was asked for: new, or the one that an earlier alert of the same incident asked for."""

    run: str
    page: str
    key: str
    new: bool
    state: str
    message: str = ""

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self.state in FINAL


def propose(asked: RollbackRequest, deployment: str = "rollback/production", key: str = "") -> Proposal:
    """Ask a deployment for a run, or find the one that was asked for already.

    Raises DeploymentMissing, and what server.connected raises; nothing was started then.
    """
    flow, _, name = deployment.partition("/")
    # Prefect holds a key against all runs of the flow, also those of other deployments: so the target is part of it.
    key = key or f"{asked.incident} on {name}"
    with server.connected() as client:
        place = {"flow_name": flow, "deployment_name": name or "-"}
        there = server.read(client, "/deployments/name/{flow_name}/{deployment_name}", **place)
        if there is None:
            raise _missing(client, deployment)
        body = {
            "parameters": {"request": asked.model_dump(mode="json", exclude_none=True)},
            "idempotency_key": key,
            "enforce_parameter_schema": True,
        }
        made = client.request("POST", "/deployments/{id}/create_flow_run", path_params={"id": there["id"]}, json=body)
    return _proposal(made.json(), key, new=made.status_code == NEW)


def _missing(client: SyncPrefectClient, deployment: str) -> DeploymentMissing:
    rows = client.request("POST", "/deployments/filter", json={"limit": 50}).json()
    names = sorted(
        f"{(server.read(client, '/flows/{id}', id=row['flow_id']) or {}).get('name')}/{row['name']}" for row in rows
    )
    has = f"it has {', '.join(names)}" if names else "it has none"
    return DeploymentMissing(
        f"The server has no deployment {deployment}; {has}.", "Register them: make deploy", "Nothing was started."
    )


def _proposal(run: dict[str, Any], key: str, *, new: bool) -> Proposal:
    state = run["state"] or {}
    page = url_for("flow-run", run["id"]) or ""
    named = state["name"] if state.get("type") == "CANCELLED" else state.get("type", "")
    return Proposal(run["id"], page, key, new, str(state.get("type", "")), f"{named}: {state.get('message') or '-'}")


def followed(proposal: Proposal, say: Callable[[str], None], seconds: float = POLL_SECONDS) -> Proposal:
    """Wait for the run's end, and say each state that it comes to. Returns the proposal as it ended."""
    shown = ""
    while True:
        now = _now(proposal, seconds)
        if now.message != shown:
            shown = now.message
            say(f"State: {shown}")
        if now.ended:
            return now
        time.sleep(seconds)


def _now(proposal: Proposal, seconds: float) -> Proposal:
    """Return a proposal as it stands, through a restart of the server."""
    for left in reversed(range(TRIES)):
        try:
            with server.connected() as client:
                row = server.read(client, "/flow_runs/{id}", id=proposal.run)
        except (ServerUnreachable, ServerRefused) as error:
            if not left:
                raise RollbackError(error.problem, error.remedy, "The run goes on without being followed.") from None
            time.sleep(seconds)
        else:
            break
    if row is None:
        raise RollbackError(f"The run {proposal.run} is no longer there.", "rollback status")
    return _proposal(row, proposal.key, new=proposal.new)


def status(end: Proposal) -> int:
    """Return the exit status for a run that ended: 0 done, 4 declined or refused, 1 failed."""
    if end.state == "COMPLETED":
        return DONE
    return DECLINED if end.message.startswith(("Declined:", "Refused:")) else FAILED
