"""What of a run may come from Prefect: which of the known flows, for which of the worker's targets, with which request.

Whoever reaches Prefect's API can write deployments, runs and work pools. So everything else that those say (variables,
command, folder, steps, entrypoint) is held against what the worker does anyway, and refused where it differs.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook import settings, targets
from runbook.errors import RollbackError, RunRefused
from runbook.settings import Settings

ROOT = Path(__file__).parents[1]
FLOWS = ("flows.rollback:rollback", "flows.plan:plan", "flows.snapshots:tidy", "flows.rehearsal:rehearsal")
"""The entrypoints that a worker runs."""
PARAMETER = "request"
PULL = "prefect.deployments.steps.set_working_directory"
FIXED = {
    # The runbook's own log lines belong to the run's log.
    "PREFECT_LOGGING_EXTRA_LOGGERS": "runbook",
    # How often a run says that it is alive, in s; deployments/watch/silent.yaml counts on it.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}
"""What each run has, unless the worker's own environment says otherwise."""
HARMLESS = {"env", "labels", "name", "stream_output"}
"""Job variables that change nothing of what runs."""
SECRET = re.compile("PASSWORD|AUTH|KEY|TOKEN|SECRET")
SHOWN, WIDTH = 8, 60
"""How many names a reason lists, and how much of each."""
REMEDY = (
    "Take it out of prefect.yaml, the deployment or the request, and make deploy. What a target needs is a line of its "
    "file on the worker: deployments/README.md."
)


@dataclass(frozen=True)
class Admitted:
    """In what environment a run is started, and why it is not to do its work; empty: it is."""

    env: Mapping[str, str]
    refusal: str = ""
    remedy: str = ""


def admit(layers: Sequence[Mapping[str, Any]]) -> Admitted:
    """Judge the job variables of work pool, deployment and run; without a target the worker's own settings are left."""
    try:
        loaded = settings.load()
        env = {**FIXED, **{k: os.environ[k] for k in FIXED if k in os.environ}, **targets.read(_target(layers), loaded)}
    except RollbackError as error:
        return Admitted(FIXED, error.problem, error.remedy)
    wrong = [*_variables(layers, {**os.environ, **env}), *_others(layers)]
    return Admitted(env, f"{'; '.join(wrong)}: the worker alone decides that." if wrong else "", REMEDY)


def layers(template: Mapping[str, Any], *variables: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return who says something of the process: the pool's template, its defaults, the deployment, the run."""
    fields = (template.get("variables") or {}).get("properties") or {}
    defaults = {name: field.get("default") for name, field in fields.items() if isinstance(field, dict)}
    said = template.get("job_configuration") or {}
    literal = {name: value for name, value in said.items() if value != f"{{{{ {name} }}}}"}
    return [_nested(one) for one in (literal, defaults, *(found or {} for found in variables))]


def _nested(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return job variables with ``env.NAME`` where Prefect puts it: into ``env``."""
    plain = {name: value for name, value in variables.items() if not name.startswith("env.") and value is not None}
    dotted = {name.removeprefix("env."): value for name, value in variables.items() if name.startswith("env.")}
    env = plain.get("env", {})
    return {**plain, "env": {**env, **dotted}} if dotted and isinstance(env, dict) else plain


def _target(layers: Sequence[Mapping[str, Any]]) -> str:
    """Return the one target that is named. Raises RunRefused."""
    named = {str(value) for name, value in _pairs(layers) if name == targets.TARGET}
    if len(named) != 1:
        said = f"names {len(named)} targets ({_list(named)})" if named else f"names no target ({targets.TARGET})"
        raise RunRefused(f"The run {said}.", REMEDY, targets.NOTHING)
    return named.pop()


def _pairs(layers: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for layer in layers:
        if isinstance(found := layer.get("env"), dict):
            yield from found.items()


def _variables(layers: Sequence[Mapping[str, Any]], env: Mapping[str, str]) -> Iterator[str]:
    """Say which variables would change the environment; whoever names a secret rightly is told nothing of it."""
    hidden = {f"ROLLBACK_{name}".upper() for name, one in Settings.model_fields.items() if "Secret" in str(one)}
    wrong = {
        name
        for name, value in _pairs(layers)
        if name in hidden or SECRET.search(name) or env.get(name) != (None if value is None else str(value))
    }
    if wrong:
        yield f"it sets {_list(wrong)}"


def _others(layers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say which other job variables would change what runs."""
    wrong = {name for layer in layers for name in layer.keys() - HARMLESS}
    wrong |= {"env" for layer in layers if not isinstance(layer.get("env", {}), dict)}
    if wrong:
        yield f"it sets the job variables {_list(wrong)}"


def check(deployment: Mapping[str, Any] | None, parameters: Mapping[str, Any]) -> str:
    """Return the entrypoint of the flow that a run is for. Raises RunRefused, with all that is wrong."""
    if deployment is None:
        raise RunRefused("The run is of no deployment.", "Start it by a deployment of prefect.yaml.", targets.NOTHING)
    entrypoint = str(deployment.get("entrypoint"))
    wrong = [] if entrypoint in FLOWS else [f"its entrypoint is {_list({entrypoint})}"]
    wrong += ["it has steps of its own (pull)"] if _steps(deployment.get("pull_steps")) else []
    places = ("path", "storage_document_id", "infrastructure_document_id")
    wrong += [f"it names a place for its code ({name})" for name in places if deployment.get(name) not in (None, ".")]
    others = parameters.keys() - {PARAMETER}
    wrong += [f"it has parameters beside {PARAMETER}: {_list(others)}"] if others else []
    request = parameters.get(PARAMETER)
    wrong += ["it names a path on the worker (dump)"] if isinstance(request, Mapping) and request.get("dump") else []
    if wrong:
        raise RunRefused(f"{'; '.join(wrong)}: the worker alone decides that.", REMEDY, targets.NOTHING)
    return entrypoint


def _steps(steps: Sequence[Mapping[str, Any]] | None) -> bool:
    """Tell whether a deployment asks for steps other than the one folder that a worker works in anyway."""
    return any(step != {PULL: {"directory": str(ROOT)}} for step in steps or [])


def _list(names: set[str] | frozenset[str]) -> str:
    """List names that a stranger chose: in ASCII, cut, and not too many."""
    shown = [ascii(str(name))[1:-1][:WIDTH] for name in sorted(map(str, names))]
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ", ".join(shown[:SHOWN]) + more
