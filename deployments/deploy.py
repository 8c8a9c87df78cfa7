"""Register prefect.yaml at the configured Prefect server: make deploy, or python -m deployments.deploy [FILE].

What stands there already as it shall is left alone: ``prefect deploy --all`` would write every deployment anew, delete
the runs that its schedule had planned, and move the beginning of each interval.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from rich.console import Console

from deployments import automation, channel, registry, server
from deployments.registry import Deployment
from runbook import settings
from runbook.errors import RollbackError

Say = Callable[[str], None]
POOL_TYPE = "process"
WATCH = Path(__file__).parent / "watch"
"""The automations that watch over the runs."""


def main() -> int:
    """Register everything, and say what that changed. Returns the exit status."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    try:
        changed = everything(registry.read(*map(Path, sys.argv[1:2])), console.print)
    except RollbackError as error:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(str(error))
        return 1
    console.print(f"Changed: {', '.join(changed)}." if changed else "Nothing had to be changed.")
    return 0


def everything(wanted: list[Deployment], say: Say) -> list[str]:
    """Make the server hold what is wanted, and return the names of what was changed. Raises RollbackError."""
    with server.connected() as client:
        say(f"Prefect server: {server.address()}")
        changed = [name for name in dict.fromkeys(d.pool for d in wanted) if pool(client, name, say)]
        changed += [deployment.name for deployment in wanted if register(client, deployment, say)]
        changed += watch(client, say)
        left(client, wanted, say)
    return changed


def pool(client: SyncPrefectClient, name: str, say: Say) -> bool:
    """Make a work pool unless it is there, and tell whether it had to be made."""
    there = server.read(client, "/work_pools/{name}", name=name)
    if there is None:
        client.request("POST", "/work_pools/", json={"name": name, "type": POOL_TYPE})
    say(f"  work pool {name}: {'made' if there is None else 'already there, skipped'}")
    return there is None


def register(client: SyncPrefectClient, wanted: Deployment, say: Say) -> bool:
    """Make the server hold this deployment, and tell whether anything had to be changed."""
    flow, _, name = wanted.name.partition("/")
    there = server.read(client, "/deployments/name/{flow_name}/{deployment_name}", flow_name=flow, deployment_name=name)
    if there is None:
        id_ = client.request("POST", "/flows/", json={"name": flow}).json()["id"]
        client.request("POST", "/deployments/", json={**wanted.fields, "flow_id": id_})
        say(f"  {wanted.name}: registered, new")
        return True
    fields = differences(wanted, there)
    if fields:
        _change(client, wanted, there, fields)
    say(f"  {wanted.name}: {'changed: ' + ', '.join(fields) if fields else 'already so, skipped'}")
    return bool(fields)


def differences(wanted: Deployment, there: dict[str, Any]) -> list[str]:
    """Return the names of the fields in which the server's deployment is not the wanted one."""
    return [field for field, value in wanted.fields.items() if not _same(field, value, there)]


def _same(field: str, value: Any, there: dict[str, Any]) -> bool:
    """Compare one field. What the file leaves open (a schedule's pause, an interval's beginning) is the operator's."""
    if field == "concurrency_limit":
        return bool((there["global_concurrency_limit"] or {}).get("limit") == value)
    if field == "concurrency_options":
        return _holds(there[field] or {}, value) if value else not there[field]
    if field == "tags":
        return bool(sorted(there[field]) == value)
    if field == "schedules":
        found = {schedule["slug"]: schedule for schedule in there[field]}
        return len(there[field]) == len(value) and all(_holds(found.get(one["slug"], {}), one) for one in value)
    return bool(there.get(field) == value)


def _holds(there: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Tell whether everything wanted is there; other things may be there too."""
    for key, value in wanted.items():
        found = there.get(key)
        if not (_holds(found, value) if isinstance(value, dict) and isinstance(found, dict) else found == value):
            return False
    return True


def _change(client: SyncPrefectClient, wanted: Deployment, there: dict[str, Any], fields: list[str]) -> None:
    """Send the fields that differ. Schedules that the file does not name go: Prefect would leave them."""
    slugs = {one["slug"] for one in wanted.fields["schedules"]}
    gone = [one["id"] for one in there["schedules"] if one["slug"] not in slugs] if "schedules" in fields else []
    for schedule in gone:
        place = {"id": there["id"], "schedule_id": schedule}
        client.request("DELETE", "/deployments/{id}/schedules/{schedule_id}", path_params=place)
    body = {field: wanted.fields[field] for field in fields}
    # Prefect checks job variables against the template of the pool that is named with them.
    body |= {"work_pool_name": wanted.pool} if "job_variables" in fields else {}
    client.request("PATCH", "/deployments/{id}", path_params={"id": there["id"]}, json=body)


def watch(client: SyncPrefectClient, say: Say) -> list[str]:
    """Make the server watch the runs, and return the names of what was changed for that."""
    done, line = channel.keep(client, settings.load())
    say(f"  {line}")
    changed = [channel.NAME] if done else []
    for file in sorted(WATCH.glob("*.yaml")):
        try:
            done, line = automation.hold(client, file)
        except channel.ChannelMissing as missing:
            done, line = False, f"{file.name}: left out. {missing.problem} {missing.remedy}"
        say(f"  {line}")
        changed += [file.stem] if done else []
    return changed


def left(client: SyncPrefectClient, wanted: list[Deployment], say: Say) -> None:
    """Name the deployments of these pools that prefect.yaml does not name; they may be somebody's."""
    pools = {"name": {"any_": sorted({deployment.pool for deployment in wanted})}}
    found = client.request("POST", "/deployments/filter", json={"work_pools": pools}).json()
    known = {deployment.name for deployment in wanted}
    for one in found:
        flow = server.read(client, "/flows/{id}", id=one["flow_id"]) or {}
        if f"{flow.get('name')}/{one['name']}" not in known:
            say(f"  {flow.get('name')}/{one['name']}: not in {Path(registry.FILE).name}, left as it is")


if __name__ == "__main__":
    sys.exit(main())
