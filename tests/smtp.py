"""A real SMTP server in a thread, with a mailbox that is read afterwards."""
# ruff: noqa: N802 - aiosmtpd calls its handlers so

import mailbox
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, Envelope, Session

from runbook.demo import world
from runbook.settings import Settings
from runbook.telling import mail, post

USERS = ["ann@example.org", "bob@example.org", "cyd@example.org", "dan@example.org"]


class Box(Mailbox):
    """A Maildir which refuses one recipient and hangs up when told to."""

    refuse = ""
    messages_per_connection = 1_000_000
    hang_up_in_data = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.begun: Counter[Session] = Counter()

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.begun[session] += 1
        if self.begun[session] > self.messages_per_connection:
            hang_up(server)
        if address.startswith("banned"):
            return "550 no such sender here"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == self.refuse:
            return "550 no mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.hang_up_in_data:
            hang_up(server)
            return "250 OK"
        return str(await super().handle_DATA(server, session, envelope))


def hang_up(server: SMTP) -> None:
    assert server.transport is not None
    server.transport.close()


@dataclass
class Server:
    """The server, the mail that it got, and what was written down as sent."""

    box: Box
    folder: Path
    start: Callable[..., Settings]
    record: list[str] = field(default_factory=list)

    def mails(self) -> list[Any]:
        return sorted(mailbox.Maildir(self.folder), key=lambda message: str(message["X-RcptTo"]))

    def receivers(self) -> list[str]:
        return [message["X-RcptTo"] for message in self.mails()]

    def send(self, settings: Settings, users: list[str], subject: str = "Back", body: str = "Hello") -> mail.Delivery:
        return mail.send_users(
            settings, users, subject, body, already=self.record.__contains__, sent=self.record.append
        )


@contextmanager
def running(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Lend a server; each start of it gives settings that lead there."""
    monkeypatch.setattr(post, "PAUSE", 0.01)
    box = Box(folder / "mail")
    controllers: list[Controller] = []

    def start(changes: dict[str, Any] | None = None, **options: Any) -> Settings:
        controller = Controller(box, hostname="localhost", port=world.free_port(), **options)
        controller.start()
        controllers.append(controller)
        common = {
            "smtp_host": "localhost",
            "smtp_port": controller.port,
            "mail_from": "DigitalTwin <noreply@dt.example>",
        }
        return Settings(_env_file=None, **{**common, **(changes or {})})

    yield Server(box, folder / "mail", start)
    for controller in controllers:
        controller.stop()
