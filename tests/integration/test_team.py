"""The team is told through a real channel: a web server in a thread."""

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from runbook.errors import NotificationFailed, SettingsInvalid
from runbook.settings import Settings
from runbook.telling import team

# One of apprise's plugins imports what Python 3.13 no longer has.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TOKEN = "tokenwhichnobodymaysee"


class Channel(HTTPServer):
    heard: list[dict[str, Any]]


class Listener(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Channel)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(json.loads(body))
        self.send_response(500 if "broken" in self.path else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def channel() -> Iterator[Channel]:
    server = Channel(("127.0.0.1", 0), Listener)
    server.heard = []
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def settings(*urls: str) -> Settings:
    return Settings(team_urls=SecretStr("\n".join(urls)), _env_file=None)


def url(channel: Channel, path: str = "") -> str:
    return f"json://127.0.0.1:{channel.server_port}/{TOKEN}{path}"


def test_each_channel_is_told(channel: Channel) -> None:
    both = settings(url(channel), url(channel, "/2"))
    team.check(both)
    assert team.tell(both, "Rollback done", "State: baseline") == 2
    assert [(m["title"], m["message"]) for m in channel.heard] == [("Rollback done", "State: baseline")] * 2


def test_no_channel_is_a_logged_decision(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert team.tell(settings(), "t", "b") == 0
    assert "not told" in caplog.text


@pytest.mark.attack(
    "texts",
    "reads a channel's token in what is said of a channel that cannot be told",
    "a channel is named by its kind only; libraries' log lines are kept away",
)
def test_one_lost_channel_does_not_stop_the_others_and_no_secret_shows(
    channel: Channel, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(NotificationFailed) as caught:
        team.tell(settings(f"jsons://127.0.0.1:9/{TOKEN}", url(channel, "/broken"), url(channel)), "t", "b")
    assert "jsons, json (1 of 3 were told)" in str(caught.value)
    assert channel.heard[-1]["message"] == "b"
    assert TOKEN not in str(caught.value) + caplog.text + "".join(capfd.readouterr())
    assert caught.value.__cause__ is None


def test_a_url_that_apprise_does_not_understand_is_named_without_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(SettingsInvalid) as caught:
        team.check(settings(f"slack://{TOKEN}", TOKEN, "json://127.0.0.1"))
    assert "number 1 (slack), number 2 (no schema)." in str(caught.value)
    assert TOKEN not in str(caught.value) + caplog.text


def test_a_url_that_is_not_understood_counts_as_not_told() -> None:
    with pytest.raises(NotificationFailed, match="slack"):
        team.tell(settings("slack://bad"), "t", "b")
