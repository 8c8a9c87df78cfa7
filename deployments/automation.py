"""Register automations at the configured Prefect server: python -m deployments.automation FILE …

The files are those of ``prefect automation create --from-file``, with these differences: an action names its
deployment (``deployment: rollback/production``) or its block (``block: rollback-alerts``) and not an id that is another
on each server; again changes nothing; and one that was paused in the UI stays paused.
"""

import sys
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import AutomationCore
from pydantic import ValidationError
from rich.console import Console

from deployments import channel, server
from runbook.errors import RollbackError


class AutomationInvalid(RollbackError):
    """A file is no automation, or names a deployment that is not registered."""


def main() -> int:
    """Register the files that are named. Returns the exit status."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    try:
        for name in sys.argv[1:]:
            console.print(register(Path(name)))
    except RollbackError as error:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(str(error))
        return 1
    return 0 if sys.argv[1:] else 2


def register(file: Path) -> str:
    """Make the server hold the automation of a file, and say what that took. Raises RollbackError."""
    with server.connected() as client:
        return hold(client, file)[1]


def hold(client: SyncPrefectClient, file: Path) -> tuple[bool, str]:
    """Make the server hold the automation of a file: whether that changed it, and a line about it.

    Raises AutomationInvalid.
    """
    wanted = _read(file, client)
    there = next((row for row in _all(client) if row["name"] == wanted.name), None)
    body = wanted.model_dump(mode="json", exclude={"owner_resource"})
    if there is None:
        client.request("POST", "/automations/", json=body)
        return True, f"{wanted.name}: registered, new"
    body["enabled"] = there["enabled"]  # a pause is the operator's
    if _plain(there) == _plain(body):
        return False, f"{wanted.name}: already so, skipped"
    client.request("PUT", "/automations/{id}", path_params={"id": there["id"]}, json=body)
    return True, f"{wanted.name}: changed"


def _all(client: SyncPrefectClient) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.request("POST", "/automations/filter", json={}).json()
    return rows


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return what tells one automation from another: the server gives its trigger an id, and orders sets anew."""
    plain = AutomationCore.model_validate(row).model_dump(mode="json", exclude={"owner_resource"})
    trigger = {key: sorted(value) if isinstance(value, list) else value for key, value in plain["trigger"].items()}
    return {**plain, "trigger": {key: value for key, value in trigger.items() if key != "id"}}


def _read(file: Path, client: SyncPrefectClient) -> AutomationCore:
    """Read a file, with deployments by their ids."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        actions = [_by_id(action, client) for action in document["actions"]]
        return AutomationCore.model_validate({**document, "actions": actions})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
        wrong = f"{type(error).__name__} {error}"
    raise AutomationInvalid(f"{file} is no automation: {wrong}", "Mend the file.", "Nothing was sent.")


def _by_id(action: dict[str, Any], client: SyncPrefectClient) -> dict[str, Any]:
    """Put an id in the place of a name. Raises AutomationInvalid where the server has nothing of that name."""
    named = dict(action)
    if "block" in action:
        return {**named, "block_document_id": channel.id_of(client, str(named.pop("block")))}
    if "deployment" not in action:
        return action
    flow, _, name = str(named.pop("deployment")).partition("/")
    place = {"flow_name": flow, "deployment_name": name}
    there = server.read(client, "/deployments/name/{flow_name}/{deployment_name}", **place)
    if there is None:
        raise AutomationInvalid(f"The server has no deployment {flow}/{name}.", "make deploy", "Nothing was sent.")
    return {**named, "deployment_id": there["id"]}


if __name__ == "__main__":
    sys.exit(main())
