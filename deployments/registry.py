"""The deployments of prefect.yaml, each as it shall stand at the server."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow
from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel, RawScheduleConfig
from prefect.flows import load_flow_from_entrypoint
from pydantic import ValidationError

from deployments import admission
from deployments.admission import ROOT
from runbook import targets
from runbook.errors import RollbackError

FILE = ROOT / "prefect.yaml"
MOVE = "python -m deployments.targets FILE --write"
KNOWN = {"name", "entrypoint", "description", "version", "tags", "parameters", "enforce_parameter_schema", "schedules"}
KNOWN |= {"concurrency_limit", "work_pool", "paused"}
"""What is registered. Prefect itself passes over a word that it does not know; here it is an error."""


class RegistryInvalid(RollbackError):
    """prefect.yaml cannot be registered as it is; all that is wrong is listed at once."""


@dataclass(frozen=True)
class Deployment:
    """One deployment: its flow's name, and the fields that Prefect's API has for it."""

    flow: str
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        """The name by which Prefect knows it, such as rollback/production."""
        return f"{self.flow}/{self.fields['name']}"

    @property
    def pool(self) -> str:
        """The work pool whose workers run it."""
        return str(self.fields["work_pool_name"])


def read(file: Path = FILE) -> list[Deployment]:
    """Read all deployments of a prefect.yaml. Raises RegistryInvalid."""
    try:
        # Prefect's own model of the file. Its loader would skip a file that it cannot read, and register nothing.
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
        model = PrefectYamlModel.model_validate(raw)
    except (OSError, yaml.YAMLError) as error:
        raise _invalid(file, [str(error)]) from None
    except ValidationError as error:
        raise _invalid(file, [f"{_where(e['loc'])}: {e['msg']}" for e in error.errors()]) from None
    wrong = [
        line for entry, said in zip(model.deployments, raw["deployments"], strict=True) for line in _wrong(entry, said)
    ]
    wrong += [
        f"{action} is not registered by this program" for action in ("build", "push", "pull") if getattr(model, action)
    ]
    if wrong or not model.deployments:
        raise _invalid(file, wrong or ["it names no deployments"])
    return [_deployment(entry) for entry in model.deployments]


def _where(place: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in place)


def _invalid(file: Path, wrong: list[str]) -> RegistryInvalid:
    lines = "".join(f"\n  - {line}" for line in wrong)
    return RegistryInvalid(f"{file.name} cannot be registered:{lines}", f"Mend {file}.", "Nothing was sent.")


def _wrong(entry: DeploymentConfig, said: Mapping[str, Any]) -> list[str]:
    """Return what this entry lacks, and what it says that nobody would register."""
    missing = [f"{field} is missing" for field in ("name", "entrypoint") if not getattr(entry, field)]
    missing += [] if entry.work_pool and entry.work_pool.name else ["work_pool.name is missing"]
    slugs = [isinstance(item, RawScheduleConfig) and item.slug for item in entry.schedules or []]
    missing += [] if all(slugs) else ["each schedule needs a slug, by which it is found again"]
    extra = [f"{field} is not registered by this program" for field in sorted(set(said) - KNOWN)]
    said_of = entry.name or entry.entrypoint or "a deployment"
    return [f"{said_of}: {line}" for line in (*missing, *extra, *_carried(entry))]


def _carried(entry: DeploymentConfig) -> list[str]:
    """Return what an entry would have a run do that the worker alone decides."""
    variables = (entry.work_pool.job_variables if entry.work_pool else None) or {}
    env = variables.get("env") or {}
    carried = [f"env.{name}" for name in env if name not in {targets.TARGET, *admission.FIXED}]
    carried += [name for name in variables if name != "env"]
    wrong = [f"job_variables.{name} belongs into the target's file on the worker ({MOVE})" for name in carried]
    wrong += [] if targets.TARGET in env or not entry.work_pool else [f"job_variables.env.{targets.TARGET} is missing"]
    wrong += [f"no worker runs {entry.entrypoint}"] if entry.entrypoint not in {None, *admission.FLOWS} else []
    others = sorted((entry.parameters or {}).keys() - {admission.PARAMETER})
    return wrong + [f"no worker takes the parameter {name}" for name in others]


def _deployment(entry: DeploymentConfig) -> Deployment:
    """Lay an entry out as Prefect's API takes it."""
    flow: Flow[..., Any] = load_flow_from_entrypoint(str(entry.entrypoint))
    pool = entry.work_pool.model_dump(mode="json", exclude_unset=True) if entry.work_pool else {}
    here = [{admission.PULL: {"directory": str(ROOT)}}]
    fields = {
        "name": entry.name,
        "entrypoint": entry.entrypoint,
        "description": entry.description or flow.description,
        "version": entry.version or flow.version,
        "tags": sorted({entry.tags} if isinstance(entry.tags, str) else entry.tags or []),
        "parameters": entry.parameters or {},
        "parameter_openapi_schema": flow.parameters.model_dump(exclude_unset=True),
        "enforce_parameter_schema": entry.enforce_parameter_schema is not False,
        "schedules": [_schedule(item) for item in entry.schedules or [] if isinstance(item, RawScheduleConfig)],
        "work_pool_name": pool.get("name"),
        "work_queue_name": pool.get("work_queue_name") or "default",
        "job_variables": pool.get("job_variables") or {},
        "pull_steps": here,
        **_limits(entry),
    }
    return Deployment(flow.name, fields | ({} if entry.paused is None else {"paused": entry.paused}))


def _limits(entry: DeploymentConfig) -> dict[str, Any]:
    """Return how many runs there may be at a time, and what becomes of one too many."""
    limit = entry.concurrency_limit
    if limit is None or isinstance(limit, int):
        return {"concurrency_limit": limit, "concurrency_options": None}
    said = limit.model_dump(mode="json", exclude_none=True)
    return {"concurrency_limit": said.pop("limit", None), "concurrency_options": said or None}


def _schedule(item: RawScheduleConfig) -> dict[str, Any]:
    """Lay a schedule out as the API takes it, with what the file says and nothing else."""
    said = item.model_dump(mode="json", exclude_unset=True)
    beside: dict[str, Any] = {key: said.pop(key) for key in ("slug", "active", "parameters", "replaces") if key in said}
    if item.interval is not None:
        said["interval"] = item.interval.total_seconds()
    return {**beside, "schedule": said}
