"""A runner whose whole machine is gone: nothing tells the server, and still it opens the fence.

The machine is a network namespace with a cable of its own, which is pulled. Needs root and iproute2.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import runbook_runs, servers, waiting
from tests.databases import ALL, Templates
from tests.faults.fenced import opened, runner
from tests.servers import Server

pytestmark = pytest.mark.system

NAME = f"rollback{os.getpid()}"
HERE, THERE = "10.231.7.1", "10.231.7.2"
NOTICED = 90
"""More s than the server takes to miss the machine (about 40), with the time of the setting."""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def machine() -> Iterator[str]:
    """Another machine, as far as TCP can tell."""
    cable = f"c{os.getpid()}"
    try:
        ip("netns", "add", NAME)
    except (OSError, subprocess.CalledProcessError) as error:
        if servers.in_ci():
            pytest.fail(f"no network namespace: {error}; in CI nothing may be skipped", pytrace=False)
        pytest.skip(f"no network namespace (root and iproute2 are needed): {error}")
    try:
        ip("link", "add", cable, "type", "veth", "peer", "name", "uplink", "netns", NAME)
        ip("addr", "add", f"{HERE}/24", "dev", cable)
        ip("link", "set", cable, "up")
        ip("-n", NAME, "addr", "add", f"{THERE}/24", "dev", "uplink")
        ip("-n", NAME, "link", "set", "uplink", "up")
        yield NAME
        ip("link", "delete", cable)  # the namespace itself lives on while its last words are not acknowledged
    finally:
        ip("netns", "delete", NAME)


@pytest.fixture(scope="module")
def listening(machine: str) -> Iterator[Server]:
    """A server that can be reached from there."""
    running = servers.start("18")
    data = Path(running.host)

    def pg_ctl(*words: str) -> None:
        command = [running.bin("pg_ctl"), "-D", str(data), "-w", "-l", str(data / "log"), *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=data.stat().st_uid, extra_groups=[])

    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {THERE}/32 trust\n")
    pg_ctl("restart", "-o", f"-h {HERE} -k {data}")
    try:
        yield running
    finally:
        pg_ctl("stop")
        running.stop()


def test_a_machine_that_is_gone_keeps_nobody_out(
    machine: str, listening: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Templates(listening).copy(forward=ALL, messages=20) as database, listening.connect() as admin:
        runbook_runs.aim(monkeypatch, database, tmp_path)
        monkeypatch.setenv("ROLLBACK_FENCE_ORPHAN_SECONDS", "2")
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        with runner(("ip", "netns", "exec", machine), PGHOST=HERE):
            assert not opened(admin, database.dbname)
            ip("-n", machine, "link", "set", "uplink", "down")
        # It was killed as well, but its farewell went nowhere: for the server its connections are alive.
        left = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        assert admin.execute(left, [database.dbname]).fetchone() == (2,)
        waiting.until(lambda: opened(admin, database.dbname), NOTICED)
        waiting.until(lambda: admin.execute(left, [database.dbname]).fetchone() == (0,), NOTICED)
