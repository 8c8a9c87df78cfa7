"""A real SMTP server in a thread, with a mailbox that is read afterwards, and with moods."""
# ruff: noqa: N802 - aiosmtpd calls its handlers so

import asyncio
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
from runbook.telling import mail

USERS = ["ann@example.org", "bob@example.org", "cyd@example.org", "dan@example.org"]
STAGES = ("connect", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "end of data")
"""Where a server can say no, in the order of a conversation."""
DROP, HANG = "DROP", "HANG"
"""Instead of an answer: the line is closed, or nothing is said any more."""
ALWAYS = 1_000_000


class Box(Mailbox):
    """A Maildir which refuses one recipient, greylists, and answers as it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.refuse = ""
        self.greylists = False
        self.messages_per_connection = ALWAYS
        self.moods: dict[tuple[str, str], list[str]] = {}
        self.begun: Counter[Session] = Counter()
        self.asked: Counter[str] = Counter()

    def mood(self, stage: str, reply: str, times: int = 1, address: str = "") -> None:
        """Answer like that at a stage, so many times; to one recipient only, if one is named."""
        self.moods.setdefault((stage, address), []).extend([reply] * min(times, 1000))

    def says(self, stage: str, address: str = "") -> str:
        """Return what is answered instead of the usual; empty where nothing is."""
        for key in ((stage, address), (stage, "")):
            if self.moods.get(key):
                return self.moods[key].pop(0)
        return ""

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
        self.asked[address] += 1
        if address == self.refuse:
            return "550 no mailbox here"
        if self.greylists and self.asked[address] == 1:
            return "451 4.7.1 greylisted, try again later"
        if said := self.says("RCPT", address):
            return await acted(server, said)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if said := self.says("end of data", envelope.rcpt_tos[0]):
            return await acted(server, said)
        return str(await super().handle_DATA(server, session, envelope))


async def acted(server: SMTP, said: str) -> str:
    """Return an answer, or do what stands in its place."""
    if said == DROP:
        hang_up(server)
    if said == HANG:
        await asyncio.sleep(3600)
    return said if said[:1].isdigit() else "250 OK"


def hang_up(server: SMTP) -> None:
    assert server.transport is not None
    server.transport.close()


class Moody(SMTP):
    """The server's side of a conversation; at each stage it may be told to say something else."""

    greeted = False

    async def push(self, status: Any) -> None:
        if not self.greeted:
            self.greeted = True
            if said := self._box.says("connect"):
                await super().push(await acted(self, said))
                hang_up(self)
                return
        await super().push(status)

    @property
    def _box(self) -> Box:
        box = self.event_handler
        assert isinstance(box, Box)
        return box

    async def _or(self, stage: str, usual: Callable[[str], Any], arg: str) -> None:
        if said := self._box.says(stage):
            await self.push(await acted(self, said))
        else:
            await usual(arg)

    async def smtp_EHLO(self, hostname: str) -> None:
        await self._or("EHLO", super().smtp_EHLO, hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:
        await self._or("STARTTLS", super().smtp_STARTTLS, arg)

    async def smtp_AUTH(self, arg: str) -> None:
        await self._or("AUTH", super().smtp_AUTH, arg)

    async def smtp_MAIL(self, arg: str) -> None:
        await self._or("MAIL", super().smtp_MAIL, arg)

    async def smtp_DATA(self, arg: str) -> None:
        await self._or("DATA", super().smtp_DATA, arg)


class Moods(Controller):
    """Runs such a server."""

    def factory(self) -> SMTP:
        return Moody(self.handler, **self.SMTP_kwargs)


@dataclass
class Server:
    """The server, the mail that it got, and what was written down about each recipient."""

    box: Box
    folder: Path
    start: Callable[..., Settings]
    record: dict[str, str] = field(default_factory=dict)

    def mails(self) -> list[Any]:
        return sorted(mailbox.Maildir(self.folder), key=lambda message: str(message["X-RcptTo"]))

    def receivers(self) -> list[str]:
        return [message["X-RcptTo"] for message in self.mails()]

    def send(
        self, settings: Settings, users: list[str], subject: str = "Back", body: str = "Hello", **options: Any
    ) -> mail.Delivery:
        def write(address: str, fate: str, said: str) -> None:
            self.record[address] = fate

        return mail.send_users(settings, users, subject, body, write, **options)


@contextmanager
def running(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Lend a server; each start of it gives settings that lead there."""
    monkeypatch.setattr(mail, "PAUSE", 0.01)
    box = Box(folder / "mail")
    controllers: list[Controller] = []

    def start(changes: dict[str, Any] | None = None, **options: Any) -> Settings:
        controller = Moods(box, hostname="localhost", port=world.free_port(), **options)
        controller.start()
        controllers.append(controller)
        common = {
            "smtp_host": "localhost",
            "smtp_port": controller.port,
            "mail_from": "DigitalTwin <noreply@dt.example>",
            "mail_seconds": 1,
        }
        return Settings(_env_file=None, **{**common, **(changes or {})})

    yield Server(box, folder / "mail", start)
    for controller in controllers:
        controller.stop()
