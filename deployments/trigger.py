"""Propose a rollback for an alert: python -m deployments.trigger alert.json

Asks the deployment for a run, once for each incident however often the alert comes. The run waits for its approval.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console

from deployments import alerts, mapping, proposals
from deployments.alerts import NothingToPropose
from deployments.proposals import DONE, FAILED, Proposal
from runbook import printable
from runbook.errors import RollbackError
from runbook.request import RollbackRequest

app = App(name="python -m deployments.trigger", help="Propose a rollback for an alert. It waits for its approval.")
console = Console(highlight=False, markup=False, soft_wrap=True)


@app.default
def trigger(
    alert: Path | None = None,
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
        A file with the alert's JSON. Not said: standard input.
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
    payload = alerts.parse(_text(alert) if alert else sys.stdin.read())
    by = mapping.read(mapping_name) if mapping_name else mapping.fitting(payload)
    asked = alerts.request(payload, by, _told(fixed))
    if dry_run:
        console.print_json(asked.model_dump_json())
        return DONE
    proposal = proposals.propose(asked, deployment, key)
    _say(proposal, asked)
    if not follow:
        return DONE
    return proposals.status(proposals.followed(proposal, console.print))


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


def _say(proposal: Proposal, asked: RollbackRequest) -> None:
    """Say what was asked for, with the run's id and its page on lines of their own."""
    if proposal.new:
        console.print(f"Proposed: {proposal.key}. Nothing is touched before its approval.")
    elif proposal.ended:
        console.print(f"Proposed already, and ended: {proposal.key}. {printable.line(proposal.message)}")
        console.print(f'To propose it again: --key "{proposal.key}, again"')
    else:
        console.print(f"Proposed already: {proposal.key}. It is the same run.")
    console.print(f"Triggers: {'; '.join(asked.triggers)}")
    console.print(f"Run: {proposal.run}")
    console.print(f"Page: {proposal.page}")


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
