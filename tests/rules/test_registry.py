"""prefect.yaml: each deployment fits its flow, can be registered, and holds no secret."""

from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.utilities.schema_tools import validate
from prefect.utilities.schema_tools.validation import ValidationError

from deployments import registry
from deployments.registry import Deployment, RegistryInvalid

DEPLOYMENTS = registry.read()
each = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment.name)


def test_the_names_are_those_that_users_know() -> None:
    names = [deployment.name for deployment in DEPLOYMENTS]
    assert len(set(names)) == len(names)
    assert {"rollback/production", "rollback/staging", "plan/production"} <= set(names)


@each
def test_the_parameters_fit_the_flow(deployment: Deployment) -> None:
    fields = deployment.fields
    assert fields["enforce_parameter_schema"], "the server would take any parameter"
    # As Prefect's server holds them against the flow's schema; what is required may still come with a run.
    validate(fields["parameters"], fields["parameter_openapi_schema"], raise_on_error=True, ignore_required=True)
    assert set(fields["parameters"]) <= set(fields["parameter_openapi_schema"]["properties"])


@each
def test_what_runs_by_schedule_needs_no_further_parameters(deployment: Deployment) -> None:
    for schedule in deployment.fields["schedules"]:
        given = deployment.fields["parameters"] | schedule.get("parameters", {})
        validate(given, deployment.fields["parameter_openapi_schema"], raise_on_error=True)
        rule: dict[str, Any] = schedule["schedule"]
        _ = CronSchedule(**rule) if "cron" in rule else IntervalSchedule(**rule)


def test_a_parameter_that_does_not_fit_would_be_seen() -> None:
    [plan] = [deployment for deployment in DEPLOYMENTS if deployment.name == "plan/production"]
    with pytest.raises(ValidationError):
        validate({"request": {"oauth": "forget them"}}, plan.fields["parameter_openapi_schema"], raise_on_error=True)


@each
def test_one_run_at_a_time_of_the_right_target(deployment: Deployment) -> None:
    fields = deployment.fields
    assert fields["concurrency_limit"] == 1
    assert fields["concurrency_options"] == {"collision_strategy": "CANCEL_NEW"}
    assert fields["job_variables"]["env"]["ROLLBACK_TARGET"] == fields["name"]
    assert fields["description"] and fields["tags"] == sorted({"rollback-runbook", deployment.flow, fields["name"]})


WRONG = """
deployments:
  - name: production
    entrypoint: flows.rollback:rollback
    work_pool: {name: rollback}
    shedules: [{cron: "0 4 * * *"}]
  - name: staging
    work_pool: {}
    schedules: [{interval: 60}]
  - name: test
    entrypoint: mine.py:flow
    parameters: {request: {}, settings: {}}
    pull: []
    work_pool: {name: rollback, job_variables: {command: sh, env: {ROLLBACK_TARGET: test, PGSERVICE: test}}}
"""


def test_everything_that_is_wrong_is_listed_at_once(tmp_path: Path) -> None:
    file = tmp_path / "prefect.yaml"
    file.write_text(WRONG)
    with pytest.raises(RegistryInvalid) as error:
        registry.read(file)
    lines = [line.strip("- ") for line in error.value.problem.splitlines()[1:]]
    assert lines == [
        "production: shedules is not registered by this program",
        "production: job_variables.env.ROLLBACK_TARGET is missing",
        "staging: entrypoint is missing",
        "staging: work_pool.name is missing",
        "staging: each schedule needs a slug, by which it is found again",
        "staging: job_variables.env.ROLLBACK_TARGET is missing",
        "test: pull is not registered by this program",
        f"test: job_variables.env.PGSERVICE belongs into the target's file on the worker ({registry.MOVE})",
        f"test: job_variables.command belongs into the target's file on the worker ({registry.MOVE})",
        "test: no worker runs mine.py:flow",
        "test: no worker takes the parameter settings",
    ]


@pytest.mark.parametrize("text", ["", "deployments: {", "deployments: [{schedules: [{every: day}]}]", "[1, 2]"])
def test_a_file_that_cannot_be_read_registers_nothing(text: str, tmp_path: Path) -> None:
    file = tmp_path / "prefect.yaml"
    file.write_text(text)
    with pytest.raises(RegistryInvalid, match="cannot be registered"):
        registry.read(file)
    with pytest.raises(RegistryInvalid):
        registry.read(tmp_path / "absent.yaml")
