"""Units, containers and settings under deployments/ fit the programs, and are what systemd and compose take."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from inspect import signature
from pathlib import Path
from typing import Any

import prefect.settings
import pytest
import yaml

from deployments import admission, registry, worker
from flows import rehearsal
from runbook import targets
from runbook.settings import Settings
from tests.acceptance import hosting
from tests.acceptance.engine import unavailable
from tests.acceptance.hosting import HOST
from tests.acceptance.operator import ROOT

SCRIPTS = Path(sysconfig.get_path("scripts"))
CONTAINER = ROOT / "deployments" / "container"
UNITS = ("rollback-server.service", "rollback-worker@.service")
EXPOSED = 2.5
"""At most this much by systemd's own measure, whose 10 is a service without any protection."""


def lines() -> dict[str, list[str]]:
    """Return what units, containers and pods start."""
    found = {name: hosting.words(name, **({"%i": "staging"} if "@" in name else {})) for name in UNITS}
    services = yaml.safe_load((CONTAINER / "compose.yaml").read_text())["services"]
    found |= {f"compose {name}": services[name]["command"] for name in ("server", "worker")}
    [container] = pod()["containers"]
    return found | {"kubernetes": container["args"]}


def pod() -> dict[str, Any]:
    document = yaml.safe_load((CONTAINER / "kubernetes.yaml").read_text())
    found: dict[str, Any] = document["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("name", lines())
def test_each_line_is_one_that_the_program_takes(name: str) -> None:
    words = lines()[name]
    if words[0] == "prefect":
        assert words[1:3] == ["server", "start"]
        help_ = [str(SCRIPTS / "prefect"), *words[1:3], "--help"]
        said = subprocess.run(help_, capture_output=True, text=True, check=True).stdout
        assert {word for word in words if word.startswith("--") and word not in said} == set()
    else:
        assert words[:3] == ["python", "-m", "deployments.worker"]
        worker.app.parse_args(words[3:], exit_on_error=False, print_error=False)


def test_the_worker_is_of_the_pool_that_is_registered() -> None:
    pools = {deployment.pool for deployment in registry.read()}
    assert pools == {signature(worker.start).parameters["pool"].default}


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """Return the units with the programs of this very environment, one of them for a queue."""
    if shutil.which("systemd-analyze") is None:
        unavailable("systemd-analyze is not installed (make test-system installs it)")
    for name in UNITS:
        text = (HOST / name).read_text().replace(hosting.PROGRAMS, f"{SCRIPTS}/")
        (tmp_path / name.replace("@", "@staging")).write_text(text)
    return [str(tmp_path / name.replace("@", "@staging")) for name in UNITS]


def test_systemd_takes_the_units(units: list[str]) -> None:
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    about = [line for line in done.stderr.splitlines() if "rollback-" in line]
    assert done.returncode == 0 and about == [], done.stderr


def test_the_units_are_as_closed_as_they_can_be(units: list[str]) -> None:
    for unit in units:
        command = ["systemd-analyze", "security", "--offline=true", "--no-pager", unit]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        [level] = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
        assert float(level) <= EXPOSED, done.stdout


@pytest.mark.parametrize("name", UNITS)
def test_what_a_unit_writes_lies_where_it_may_write(name: str) -> None:
    [state] = hosting.unit(name)["StateDirectory"]
    written = hosting.environment(name, {})
    assert written and all(Path(place).is_relative_to(f"/var/lib/{state}") for place in written.values())


@pytest.mark.parametrize("setting", ["PREFECT_HOME", "PREFECT_SERVER_UI_STATIC_DIRECTORY"])
def test_what_prefect_writes_lies_in_the_state_folder_of_unit_and_image(setting: str) -> None:
    assert setting in hosting.environment("rollback-server.service", {})
    [place] = re.findall(rf"\b{setting}=(\S+)", (CONTAINER / "Dockerfile").read_text())
    [home] = re.findall(r"--home-dir (\S+) --create-home", (CONTAINER / "Dockerfile").read_text())
    assert Path(place).is_relative_to(home)


def test_who_stops_a_worker_leaves_time_for_a_rollback() -> None:
    said = hosting.unit("rollback-worker@.service")
    decision = Settings.model_fields["decision_minutes"].default
    assert said["Restart"] == ["always"]
    [stop] = said["TimeoutStopSec"]
    grace = yaml.safe_load((CONTAINER / "compose.yaml").read_text())["services"]["worker"]["stop_grace_period"]
    assert stop == grace == "2h"
    assert pod()["terminationGracePeriodSeconds"] == 7200 > 2 * 60 * decision


TARGETS = sorted(str(file.relative_to(HOST)) for file in (HOST / "targets").iterdir())


@pytest.mark.parametrize("name", ["server.env", "worker.env", *TARGETS])
def test_each_setting_of_the_files_exists(name: str) -> None:
    ours = {f"ROLLBACK_{field.upper()}" for field in Settings.model_fields}
    for setting in hosting.settings(name, {}):
        known = setting in ours | {"PGSERVICEFILE", "PGPASSFILE", "PGSERVICE"}
        assert known or hasattr(prefect.settings, setting), setting


def test_no_file_holds_a_secret_of_ours() -> None:
    for file in (one for folder in (HOST, CONTAINER) for one in folder.rglob("*") if one.is_file()):
        for found in re.findall(r"^\s*\w*(?:PASSWORD|AUTH_STRING)\w*[=:]\s*(\S+)", file.read_text(), flags=re.M):
            assert "_PASSWORD" in found or found.startswith("/run/secrets/"), (file.name, found)


def test_compose_takes_its_file(tmp_path: Path) -> None:
    for name in ("server.env", "worker.env"):
        shutil.copy(HOST / name, tmp_path)
    (tmp_path / "database_password").touch()
    env = os.environ | {"ROLLBACK_ETC": str(tmp_path)}
    program = SCRIPTS / "docker-compose"
    command = [str(program), "-f", str(CONTAINER / "compose.yaml"), "config", "--format", "json"]
    if not program.exists():
        unavailable("the present compose program is not installed")
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert services["server"]["environment"].keys() == hosting.settings("server.env", {}).keys()
    assert services["worker"]["environment"].keys() == hosting.settings("worker.env", {}).keys()
    [port] = services["server"]["ports"]
    assert port["host_ip"] == "127.0.0.1", "the server is for the proxy alone"
    assert "ports" not in services["database"]
    build = services["worker"]["build"]
    assert (Path(build["context"]) / build["dockerfile"]).is_file()


def test_what_is_copied_into_the_image_is_enough_to_run_from(tmp_path: Path) -> None:
    text = (CONTAINER / "Dockerfile").read_text()
    names = [word for line in re.findall(r"^COPY (.*)$", text, flags=re.M) for word in line.split()[:-1]]
    kept = re.findall(r"^!(.*)$", (CONTAINER / "Dockerfile.dockerignore").read_text(), flags=re.M)
    assert sorted(names) == sorted(kept)
    for name in names:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    script = "from deployments import registry; print(registry.__file__, len(registry.read()))"
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    file, _, count = done.stdout.rpartition(" ")
    assert Path(file).is_relative_to(tmp_path) and int(count) >= 4


WATCH = {
    file.name: yaml.safe_load(file.read_text()) for file in sorted((ROOT / "deployments" / "watch").glob("*.yaml"))
}


@pytest.mark.parametrize("name", WATCH)
def test_what_watches_fits_the_runs(name: str) -> None:
    trigger = WATCH[name]["trigger"]
    tag = trigger["match_related"]["prefect.resource.id"].removeprefix("prefect.tag.")
    everyone = all(tag in deployment.fields["tags"] for deployment in registry.read())
    assert everyone or tag == "rehearsal"
    assert f"| `deployments/watch/{name}` |" in (ROOT / "deployments" / "README.md").read_text()
    if "after" in trigger:
        # However a run ends, with the names that the flow gives its end, it is not silent and waits no more.
        ends = {"Failed", "TimedOut", "Crashed", "Cancelled", "Declined", "Refused"}
        ends |= {"Completed", rehearsal.NOTHING} if name == "silent.yaml" else set()
        assert {f"prefect.flow-run.{end}" for end in ends} <= set(trigger["expect"])


def test_a_silent_run_missed_more_than_one_heartbeat() -> None:
    within = WATCH["silent.yaml"]["trigger"]["within"]
    beat = int(admission.FIXED["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
    assert beat >= 30 and 3 * beat <= within


def test_each_target_that_is_registered_has_its_file(tmp_path: Path) -> None:
    named = {deployment.fields["job_variables"]["env"]["ROLLBACK_TARGET"] for deployment in registry.read()}
    assert {f"targets/{name}.env" for name in named} == set(TARGETS)
    loaded = Settings(targets_dir=tmp_path)
    for name in named:
        (tmp_path / f"{name}.env").write_text((HOST / "targets" / f"{name}.env").read_text())
        (tmp_path / f"{name}.env").chmod(0o600)
        assert targets.read(name, loaded)["PGSERVICE"] == f"digitaltwin-{name}"
