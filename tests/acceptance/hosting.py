"""A host as deployments/host/ describes it: units, settings and proxy are read from there, and run here for real."""

import re
import shlex
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance import prefects
from tests.acceptance.engine import unavailable
from tests.acceptance.operator import ROOT
from tests.acceptance.prefects import Prefect
from tests.waiting import until

HOST = ROOT / "deployments" / "host"
PROGRAMS = "/opt/rollback-runbook/.venv/bin/"
AUTH = ("rollback", "correct horse")
PROXY = """
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
daemon off;
{user}events {{}}
http {{
access_log off;
{site}
}}
"""


@dataclass(frozen=True)
class Guarded(Prefect):
    """A server behind its proxy, which wants a certificate believed, a password and a token."""

    certificate: Path

    @property
    def trust(self) -> ssl.SSLContext:
        """What believes this certificate and no other."""
        return ssl.create_default_context(cafile=self.certificate)

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"https://localhost:{self.port}/api"

    def call(self, method: str, path: str, **body: Any) -> httpx.Response:
        """Call the REST API with password and token."""
        with httpx.Client(auth=AUTH, verify=self.trust, timeout=30) as client:
            token = client.get(f"{self.url}/csrf-token", params={"client": "test"}).raise_for_status().json()["token"]
            headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}
            return client.request(method, f"{self.url}{path}", json=body or None, headers=headers)


def unit(name: str) -> dict[str, list[str]]:
    """Return what a unit says: the values of each word, in their order."""
    said: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", (HOST / name).read_text(), flags=re.M):
        said.setdefault(key, []).append(value)
    return said


def words(name: str, **instead: str) -> list[str]:
    """Return what a unit starts, without the programs' folder, and with other words in place of some."""
    [line] = unit(name)["ExecStart"]
    assert line.startswith(PROGRAMS)
    return shlex.split(_with(line.removeprefix(PROGRAMS), instead))


def environment(name: str, instead: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a unit itself sets, with other words in place of some."""
    return dict(_with(line, instead).split("=", 1) for line in unit(name)["Environment"])


def settings(name: str, instead: Mapping[str, str]) -> dict[str, str]:
    """Return a file of settings, with other words in place of some."""
    text = _with((HOST / name).read_text(), instead)
    return dict(re.findall(r"^(\w+)=(.*)$", text, flags=re.M))


def _with(text: str, instead: Mapping[str, str]) -> str:
    for word, other in instead.items():
        assert word in text, word
        text = text.replace(word, other)
    return text


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of one's own for this machine, and its key."""
    file, key = folder / "rollback.pem", folder / "rollback.key"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    options += ["-addext", "subjectAltName=DNS:localhost", "-out", str(file), "-keyout", str(key)]
    subprocess.run(["openssl", "req", *options], check=True, capture_output=True)
    return file, key


@contextmanager
def proxy(folder: Path, port: int, behind: int) -> Iterator[Path]:
    """Run nginx with the shipped site in front of a server, and lend the certificate."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        unavailable("nginx is not installed (make test-system installs it)")
    file, key = certificate(folder)
    instead = {"443 ssl": f"127.0.0.1:{port} ssl", "127.0.0.1:4200": f"127.0.0.1:{behind}", "PREFECT_HOST": "localhost"}
    instead |= {"/etc/ssl/certs/rollback.pem": str(file), "/etc/ssl/private/rollback.key": str(key)}
    instead |= {"listen [::]:": "# listen [::]:", "listen 80;": f"listen unix:{folder}/http;"}
    site = _with((HOST / "nginx.conf").read_text(), instead)
    user = "user root;\n" if Path("/root").owner() == Path(folder).owner() else ""
    (folder / "nginx.conf").write_text(PROXY.format(folder=folder, site=site, user=user))
    command = [program, "-e", str(folder / "nginx.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command)
    try:
        yield file
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def server(folder: Path, port: int, behind: int, database: str) -> Iterator[Guarded]:
    """Run the server as its unit does, on a PostgreSQL, with the proxy in front."""
    [example] = re.findall(r"^PREFECT_SERVER_DATABASE_CONNECTION_URL=(.*)$", (HOST / "server.env").read_text(), re.M)
    instead = {example: database, "rollback:API_PASSWORD": ":".join(AUTH), "PREFECT_HOST": f"localhost:{port}"}
    env = settings("server.env", instead)
    env |= environment("rollback-server.service", {"/var/lib/prefect": str(folder / "home")})
    env |= {"PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true"}
    with proxy(folder, port, behind) as trusted:
        guarded = Guarded(port, folder, trusted)
        with prefects.program(folder, words("rollback-server.service", **{"4200": str(behind)})[1:], env):
            until(lambda: _answers(guarded))
            yield guarded


def _answers(guarded: Guarded) -> bool:
    try:
        return httpx.get(f"{guarded.url}/health", verify=guarded.trust).is_success
    except httpx.HTTPError:
        return False
