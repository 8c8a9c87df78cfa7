"""A Prefect server and a proxy: on this machine it is asked directly, elsewhere through it; if away, it is named."""

import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import site
from tests.acceptance.operator import REQUEST, ROOT, Desk
from tests.acceptance.prefects import Prefect
from tests.acceptance.wrong import refused, text

pytestmark = pytest.mark.pg("18")

NAMES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
DEAD = dict.fromkeys(NAMES, "http://127.0.0.1:9")
NOBODY = "http://127.0.0.1:9/api"
"""A port that no server of another test can take meanwhile."""
QUICK = 45
"""Within how many s everything is said, on a busy machine; Prefect's own client would take two minutes."""


def programs() -> list[tuple[str, ...]]:
    return [("deploy",), ("trigger", "alert.json"), ("worker", "--name", "test")]


def alert(folder: Path) -> None:
    (folder / "alert.json").write_bytes((ROOT / "tests" / "alerts" / "generic.json").read_bytes())


def test_a_server_on_this_machine_is_asked_without_the_proxy(at: Desk, prefect_api: Prefect) -> None:
    here = {**DEAD, **prefect_api.env}
    found = at.rollback("approve", **here)
    refused(found, f"Prefect server: {prefect_api.env['PREFECT_API_URL']}", "No run waits for approval.")
    named = prefect_api.env["PREFECT_API_URL"].replace("127.0.0.1", "localhost")
    refused(at.rollback("approve", **{**here, "PREFECT_API_URL": named}), f"Prefect server: {named}")
    done = at.program(sys.executable, "-m", "deployments.deploy", **here)
    assert done.returncode == 0, text(done)


def test_what_the_environment_excepts_already_is_kept(at: Desk, prefect_api: Prefect) -> None:
    code = (
        "import os; from flows import proxies; proxies.bypass(); proxies.bypass('http://0.0.0.0:1/api');"
        "print(os.environ['no_proxy'], os.environ['NO_PROXY'])"
    )
    shown = at.program(sys.executable, "-c", code, **DEAD, NO_PROXY="example.org, .corp")
    listed = "example.org,.corp,localhost,127.0.0.1,::1,0.0.0.0"
    assert shown.stdout.strip() == f"{listed} {listed}", text(shown)


class Passing(urllib.request.HTTPErrorProcessor):
    """Takes every answer as it is."""

    def http_response(self, request: Any, response: Any) -> Any:
        return response


@contextmanager
def proxy(server: Prefect) -> Iterator[tuple[str, list[str]]]:
    """Run a real proxy which alone knows where the server is; lend its address, and what it was asked for."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            wanted = self.path.replace("prefect.invalid:4200", f"127.0.0.1:{server.port}")
            kind = {"Content-Type": self.headers.get("Content-Type") or "application/json"}
            there = urllib.request.Request(wanted, data=body, headers=kind, method=self.command)
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), Passing())
            with direct.open(there, timeout=30) as answer:
                said = answer.read()
                self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_GET  # noqa: N815 - http.server calls it so

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.server_port}", asked
        finally:
            listener.shutdown()


def test_a_server_elsewhere_is_asked_through_the_proxy(at: Desk, prefect_api: Prefect) -> None:
    with proxy(prefect_api) as (address, asked):
        there = {"http_proxy": address, "PREFECT_API_URL": "http://prefect.invalid:4200/api"}
        refused(at.rollback("approve", **there), "Prefect server: http://prefect.invalid:4200/api", "No run waits")
    assert any("/flow_runs/filter" in path for path in asked)


def test_a_server_that_does_not_know_the_run_is_one_sentence(at: Desk, prefect_api: Prefect) -> None:
    unknown = at.rollback("approve", "00000000-0000-0000-0000-000000000001", **prefect_api.env)
    refused(unknown, "does not answer as it should", "Check PREFECT_API_URL")


def test_a_temporary_server_is_reached_without_the_proxy(at: Desk) -> None:
    away = {**DEAD, "PREFECT_API_URL": NOBODY}
    found = at.rollback("run", *REQUEST, "--identified-at", "2026-01-01T00:00:00Z", **away)
    refused(found, "does not answer; a temporary one is started", "late_reason", status=found.returncode)


@pytest.mark.parametrize("address", [NOBODY, "http://prefect.invalid:4200/api", "nonsense"])
@pytest.mark.parametrize("words", programs(), ids=lambda words: words[0])
def test_a_server_that_is_away_is_one_sentence(at: Desk, words: tuple[str, ...], address: str) -> None:
    alert(at.folder)
    site.install_targets(at.folder, "production")
    began = time.monotonic()
    program = (sys.executable, "-m", f"deployments.{words[0]}", *words[1:])
    found = at.program(*program, PREFECT_API_URL=address)
    assert time.monotonic() - began < QUICK
    refused(found, "does not answer", "export PREFECT_API_URL=")


def test_a_proxy_that_no_client_can_use_is_named(at: Desk, prefect_api: Prefect) -> None:
    socks = {"ALL_PROXY": "socks5://127.0.0.1:9", "PREFECT_API_URL": "http://prefect.invalid:4200/api"}
    refused(at.rollback("approve", **socks), "names a proxy that cannot be used", "env -u ALL_PROXY")
    # A server on this machine is asked without one.
    here = {**prefect_api.env, "ALL_PROXY": "socks5://127.0.0.1:9"}
    refused(at.rollback("approve", **here), "No run waits for approval")
