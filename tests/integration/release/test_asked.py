"""How health URLs are asked: real servers of this machine, whatever stands in the environment."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from runbook.application import health
from runbook.settings import Settings


class Page(BaseHTTPRequestHandler):
    """Answers as the path says: a status, or a redirection."""

    def do_GET(self) -> None:
        status, _, there = self.path.strip("/").partition("/")
        self.send_response(int(status))
        if there:
            self.send_header("Location", there if "://" in there else f"/{there}")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def asked(**urls: str) -> dict[str, str]:
    return health.answers(Settings.model_validate({"health_urls": urls}))


def test_no_proxy_is_asked_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving() as url:
        assert asked(backend=f"{url}/204")["backend"] == "204"


def test_only_the_same_origin_is_followed() -> None:
    with serving() as url, serving() as other:
        said = asked(same=f"{url}/302/200", else_=f"{url}/302/{other}/200", ill=f"{url}/503")
    assert said["same"] == "200" and said["ill"].startswith("503")
    assert said["else_"] == f"302 Found, a redirection to {other}/200: name the address that answers itself"


def test_a_certificate_that_nobody_trusts_is_said(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run(["openssl", *words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(context) as url:
        said = asked(trusted=f"{url}/200", plain=f"{url.replace('https', 'http')}/200")
    assert "its certificate is not trusted: self-signed certificate" in said["trusted"]
    assert said["plain"].startswith("no answer")


def test_who_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, serving() as url:
        began = time.monotonic()
        said = asked(silent=f"http://127.0.0.1:{silent.getsockname()[1]}/", well=f"{url}/200")
    assert time.monotonic() - began < 5
    assert said["silent"].startswith("no answer") and said["well"] == "200"
