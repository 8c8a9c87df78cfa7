"""Propose a rollback for an alert: python -m deployments.trigger alert.json (- reads standard input).

Asks the deployment for a run, once for each incident however often the alert comes. The run waits for its approval.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from prefect.client.orchestration import SyncPrefectClient
from prefect.utilities.urls import url_for
from rich.console import Console

from deployments import alerts, mapping, server
from deployments.alerts import NothingToPropose
from runbook.errors import RollbackError
from runbook.request import RollbackRequest

DONE, FAILED, DECLINED = 0, 1, 4
"""Exit statuses, as of rollback run; 2 is a command that cannot be understood."""
NEW = 201
POLL_SECONDS = 2.0
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

app = App(name="python -m deployments.trigger", help="Propose a rollback for an alert. It waits for its approval.")
console = Console(highlight=False, markup=False, soft_wrap=True)


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


@app.default
def trigger(
    alert: Path,
    /,
    *,
    deployment: str = "rollback/production",
    mapping_name: Annotated[str, Parameter(name="--mapping")] = "",
    fixed: Annotated[tuple[str, ...], Parameter(name="--set", negative=())] = (),
    key: str = "",
    follow: Annotated[bool, Parameter(negative=())] = False,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Propose a rollback for an alert. It waits for its approval.

    Parameters
    ----------
    alert
        A file with the alert's JSON; - reads standard input.
    deployment
        The deployment that is asked, as Prefect names it.
    mapping_name
        alertmanager, pagerduty, generic, or a file of one's own. Not said: the one that knows the payload.
    fixed
        A field of the request, whatever alert and mapping say: --set previous_tag=v1.8.3. May be said often.
    key
        Prefect makes one run for each key. Not said: incident and deployment, such as "INC-2041 on production".
    follow
        Wait for the run's end.
    dry_run
        Print the request and send nothing.
    """
    payload = alerts.parse(sys.stdin.read() if str(alert) == "-" else _text(alert))
    by = mapping.read(mapping_name) if mapping_name else mapping.fitting(payload)
    asked = alerts.request(payload, by, _told(fixed))
    if dry_run:
        console.print_json(asked.model_dump_json())
        return DONE
    proposal = propose(asked, deployment, key)
    _say(proposal, asked)
    if not follow:
        return DONE
    end = followed(proposal, console.print)
    return status(end)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise alerts.AlertInvalid(f"The alert cannot be read: {error}", "Name its file.", "Nothing was sent.") from None


def _told(words: tuple[str, ...]) -> dict[str, Any]:
    """Read --set NAME=VALUE."""
    pairs = [word.partition("=") for word in words]
    if wrong := [name for name, sign, _ in pairs if not sign or name not in RollbackRequest.model_fields]:
        fields = ", ".join(RollbackRequest.model_fields)
        raise alerts.AlertInvalid(f"--set does not know {', '.join(wrong)}.", f"Say NAME=VALUE; names are {fields}.")
    return {name: [value] if name in ("triggers", "against") else value for name, _, value in pairs}


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
            "parameters": {"request": asked.model_dump(mode="json")},
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


def _say(proposal: Proposal, asked: RollbackRequest) -> None:
    """Say what was asked for, with the run's id and its page on lines of their own."""
    if proposal.new:
        console.print(f"Proposed: {proposal.key}. Nothing is touched before its approval.")
    elif proposal.ended:
        console.print(f"Proposed already, and ended: {proposal.key}. {proposal.message}")
        console.print(f'To propose it again: --key "{proposal.key}, again"')
    else:
        console.print(f"Proposed already: {proposal.key}. It is the same run.")
    console.print(f"Triggers: {'; '.join(asked.triggers)}")
    console.print(f"Run: {proposal.run}")
    console.print(f"Page: {proposal.page}")


def followed(proposal: Proposal, say: Callable[[str], None], seconds: float = POLL_SECONDS) -> Proposal:
    """Wait for the run's end, and say each state that it comes to. Returns the proposal as it ended."""
    shown = ""
    while True:
        with server.connected() as client:
            row = server.read(client, "/flow_runs/{id}", id=proposal.run)
        if row is None:
            raise RollbackError(f"The run {proposal.run} was deleted.", "rollback status")
        now = _proposal(row, proposal.key, new=proposal.new)
        if now.message != shown:
            shown = now.message
            say(f"State: {shown}")
        if now.ended:
            return now
        time.sleep(seconds)


def status(end: Proposal) -> int:
    """Return the exit status for a run that ended: 0 done, 4 declined or refused, 1 failed."""
    if end.state == "COMPLETED":
        return DONE
    return DECLINED if end.message.startswith(("Declined:", "Refused:")) else FAILED


def main() -> None:
    """Run as a program."""
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")
    try:
        code = app()
    except NothingToPropose as nothing:
        console.print(str(nothing))
        code = DONE
    except RollbackError as error:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(str(error))
        code = FAILED
    sys.exit(code)


if __name__ == "__main__":
    main()
