"""What of a run may come from Prefect: its target, its flow and its request, and nothing that changes anything else."""

import os
from pathlib import Path
from typing import Any

import pytest

from deployments import admission
from runbook import targets
from runbook.errors import RollbackError, RunRefused
from runbook.settings import Settings

TEMPLATE = {
    "job_configuration": {name: f"{{{{ {name} }}}}" for name in ("command", "env", "stream_output", "working_dir")},
    "variables": {
        "properties": {"env": {"default": {}}, "command": {"default": None}, "stream_output": {"default": True}}
    },
}
GOOD = {"env": {"ROLLBACK_TARGET": "production"}}
STEP = {admission.PULL: {"directory": str(admission.ROOT)}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("ROLLBACK_", "PG"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROLLBACK_TARGETS_DIR", str(tmp_path))
    target(tmp_path, "production", "PGSERVICE=digitaltwin\nROLLBACK_SMTP_PASSWORD='pass word'\n")
    return tmp_path


def target(folder: Path, name: str, text: str, mode: int = 0o600) -> None:
    (folder / f"{name}.env").write_text(text)
    (folder / f"{name}.env").chmod(mode)


def admit(deployment: dict[str, Any], run: dict[str, Any] | None = None, **template: Any) -> admission.Admitted:
    return admission.admit(admission.layers({**TEMPLATE, **template}, deployment, run))


def test_the_environment_is_that_of_the_targets_file() -> None:
    found = admit(GOOD)
    assert found.refusal == ""
    assert found.env == {
        **admission.FIXED,
        "ROLLBACK_TARGET": "production",
        "PGSERVICE": "digitaltwin",
        "ROLLBACK_SMTP_PASSWORD": "pass word",
    }


def test_what_the_worker_has_anyway_may_be_said() -> None:
    said = {"env": {**admission.FIXED, "ROLLBACK_TARGET": "production", "PGSERVICE": "digitaltwin", "PGHOST": None}}
    assert admit(said, {"stream_output": False, "name": "x", "labels": {"a": "b"}}).refusal == ""


@pytest.mark.parametrize("name", ["PATH", "PYTHONPATH", "LD_PRELOAD", "PGSERVICE", "PGHOST", "ROLLBACK_APPROVERS_FILE"])
@pytest.mark.parametrize("dotted", [False, True])
def test_no_layer_changes_the_environment(name: str, dotted: bool) -> None:
    said: dict[str, Any] = {f"env.{name}": "evil"} if dotted else {"env": {name: "evil"}}
    both = {**GOOD, **said, "env": {**GOOD["env"], **said.get("env", {})}}
    defaults = {"properties": {"env": {"default": {name: "evil"}}}}
    literal = {"env": {name: "evil"}}
    for found in (
        admit(both),
        admit(GOOD, said),
        admit(GOOD, variables=defaults),
        admit(GOOD, job_configuration=literal),
    ):
        assert f"it sets {name}" in found.refusal and found.remedy
        assert found.env.get(name) != "evil"


def test_nothing_of_the_workers_can_be_unset() -> None:
    assert "it sets PATH" in admit(GOOD, {"env": {"PATH": None}}).refusal


@pytest.mark.parametrize("value", ["pass word", "wrong"])
def test_whoever_guesses_a_secret_is_told_nothing(value: str) -> None:
    found = admit(GOOD, {"env": {"ROLLBACK_SMTP_PASSWORD": value}})
    assert "it sets ROLLBACK_SMTP_PASSWORD" in found.refusal and value not in found.refusal


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"command": "sh"}, "the job variables command"),
        ({"working_dir": "/elsewhere"}, "the job variables working_dir"),
        ({"anything": 1}, "the job variables anything"),
        ({"env": "text"}, "the job variables env"),
        ({"env": ["text"], "env.A": "x"}, "the job variables env"),
        ({"env": {"A\x1b[2J\n": "x"}}, r"it sets A\x1b[2J\n"),
    ],
)
def test_no_other_variable_is_taken(said: dict[str, Any], words: str) -> None:
    assert words in admit(GOOD, said).refusal


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({}, "names no target"),
        ({"ROLLBACK_TARGET": "staging"}, "no target 'staging' (it has: production)"),
        ({"ROLLBACK_TARGET": "../production"}, "no target"),
        ({"ROLLBACK_TARGET": ""}, "no target ''"),
        ({"ROLLBACK_TARGET": "pro\nduction"}, r"no target 'pro\nduction'"),
    ],
)
def test_a_target_without_a_file_is_none(named: dict[str, str], words: str) -> None:
    found = admit({"env": named})
    assert words in found.refusal and found.env == admission.FIXED


def test_a_run_has_one_target(folder: Path) -> None:
    target(folder, "staging", "PGSERVICE=x\n")
    assert "names 2 targets" in admit(GOOD, {"env": {"ROLLBACK_TARGET": "staging"}}).refusal


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("PGSERVICE=x\n", 0o644, "can be read or written by others"),
        ("ROLLBACK_SERVICES=x\n", 0o600, "names no database"),
        ("PGSERVICE=x\nROLLBACK_TARGET=staging\n", 0o600, "says ROLLBACK_TARGET=staging"),
        ("PGSERVICE=x\nnonsense here\n", 0o600, "line 2"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(folder: Path, text: str, mode: int, words: str) -> None:
    target(folder, "production", text, mode)
    found = admit(GOOD)
    assert words in found.refusal and str(folder / "production.env") in found.refusal and found.remedy


def test_targets_lie_beside_the_approvers(tmp_path: Path) -> None:
    assert targets.folder(Settings(approvers_file=tmp_path / "a.toml", targets_dir=None)) == tmp_path / "targets"


DEPLOYMENT: dict[str, Any] = {"entrypoint": "flows.rollback:rollback", "pull_steps": [STEP], "path": None}


@pytest.mark.parametrize("entrypoint", admission.FLOWS)
def test_the_flows_of_the_runbook_are_taken(entrypoint: str) -> None:
    assert admission.check({**DEPLOYMENT, "entrypoint": entrypoint}, {"request": {}}) == entrypoint
    assert admission.check({"entrypoint": entrypoint}, {}) == entrypoint


@pytest.mark.parametrize(
    ("changed", "parameters", "words"),
    [
        ({"entrypoint": "flows.cli:main"}, {}, "its entrypoint is flows.cli:main"),
        ({"entrypoint": None}, {}, "its entrypoint is None"),
        ({"pull_steps": [STEP, {"x": {}}]}, {}, "steps of its own"),
        ({"pull_steps": [{admission.PULL: {"directory": "/elsewhere"}}]}, {}, "steps of its own"),
        ({"path": "/elsewhere"}, {}, "a place for its code (path)"),
        ({"storage_document_id": "1"}, {}, "a place for its code (storage_document_id)"),
        ({}, {"request": {}, "loaded": {}}, "parameters beside request: loaded"),
        ({}, {"request": {"dump": "/elsewhere/x"}}, "a path on the worker (dump)"),
    ],
)
def test_nothing_else_of_a_deployment_is_taken(changed: dict[str, Any], parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(RunRefused) as refused:
        admission.check({**DEPLOYMENT, **changed}, parameters)
    assert words in refused.value.problem and refused.value.remedy and refused.value.state


def test_a_run_without_a_deployment_is_refused() -> None:
    with pytest.raises(RollbackError, match="of no deployment"):
        admission.check(None, {"request": {}})
