"""Users are mailed through a real SMTP server in a thread, with a mailbox that is read afterwards."""
# ruff: noqa: N802 - aiosmtpd calls its handlers so

import mailbox
import ssl
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from runbook.demo import world
from runbook.errors import NotificationFailed, SettingsInvalid
from runbook.settings import Settings
from runbook.telling import mail, post

# The server of the test warns that logging in without TLS is unwise; here both ends are this process.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

PASSWORD = "a password which nobody may see"
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


@pytest.fixture
def smtp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(post, "PAUSE", 0.01)
    box = Box(tmp_path / "mail")
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

    yield Server(box, tmp_path / "mail", start)
    for controller in controllers:
        controller.stop()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Make a certificate for localhost and trust it, as an operator does with a CA of their own."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(words, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


def test_each_user_gets_a_message_of_their_own(smtp: Server) -> None:
    delivery = smtp.send(smtp.start(), USERS, "Bitte neu anmelden: Grüße", "Grüße\n.\nEnde")
    assert delivery == mail.Delivery(4, 0, {})
    assert smtp.receivers() == USERS == smtp.record
    for user, message in zip(USERS, smtp.mails(), strict=True):
        assert message["To"] == user
        assert not any(other in str(message) for other in USERS if other != user)
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["Message-ID"].endswith("@dt.example>")
        assert message["Date"]
        assert message.get_payload(decode=True).decode().splitlines() == ["Grüße", ".", "Ende"]
    assert len({message["Message-ID"] for message in smtp.mails()}) == 4


def test_a_retry_mails_nobody_twice_and_neither_does_a_doubled_address(smtp: Server) -> None:
    settings = smtp.start()
    smtp.send(settings, USERS[:2])
    assert smtp.send(settings, [*USERS, USERS[3]]) == mail.Delivery(2, 2, {})
    assert smtp.receivers() == USERS


def test_a_refused_recipient_does_not_stop_the_others(smtp: Server) -> None:
    smtp.box.refuse = "bob@example.org"
    delivery = smtp.send(smtp.start(), USERS)
    assert (delivery.sent, delivery.failed) == (3, {"bob@example.org": "550 no mailbox here"})
    assert smtp.record == smtp.receivers() == [u for u in USERS if u != "bob@example.org"]


@pytest.mark.parametrize(
    "bad", ["", "nobody", "a@b, c@d", "a@b\nBcc: c@d", "a@b@c", "<a@b>", "x y@z.org", "müller@z.org", "a@müller.org"]
)
def test_what_is_no_address_is_collected(smtp: Server, bad: str) -> None:
    delivery = smtp.send(smtp.start(), [bad, "ann@example.org"])
    assert (delivery.sent, list(delivery.failed)) == (1, [bad])
    assert smtp.receivers() == ["ann@example.org"]


def test_a_lost_connection_is_made_anew(smtp: Server) -> None:
    smtp.box.messages_per_connection = 1
    assert smtp.send(smtp.start(), USERS) == mail.Delivery(4, 0, {})
    assert smtp.receivers() == USERS == smtp.record


def test_a_server_that_always_hangs_up_ends_the_mailing_and_says_how_many_remain(smtp: Server) -> None:
    smtp.box.messages_per_connection = 0
    with pytest.raises(NotificationFailed, match=r"lost 4 connections in a row .*; 3 users remain unmailed"):
        smtp.send(smtp.start(), USERS)
    assert smtp.record == []


def test_a_message_that_may_have_arrived_is_never_sent_again(smtp: Server) -> None:
    smtp.box.hang_up_in_data = True
    settings = smtp.start()
    delivery = smtp.send(settings, USERS[:1])
    assert "may have arrived" in delivery.failed[USERS[0]]
    smtp.box.hang_up_in_data = False
    assert smtp.send(settings, USERS) == mail.Delivery(3, 1, {})


def test_a_server_that_dies_on_every_message_is_given_up(smtp: Server) -> None:
    smtp.box.hang_up_in_data = True
    with pytest.raises(NotificationFailed, match="2 users remain"):
        smtp.send(smtp.start(), [*USERS, "eve@example.org", "fay@example.org"])
    assert len(smtp.record) == 4


def test_a_server_that_is_gone_is_tried_again_and_then_named(smtp: Server) -> None:
    settings = Settings(smtp_host="localhost", smtp_port=world.free_port(), _env_file=None)
    with pytest.raises(NotificationFailed, match="4 users remain unmailed"):
        smtp.send(settings, USERS)
    with pytest.raises(NotificationFailed, match="cannot be used"):
        mail.check(settings)


def test_a_refused_sender_ends_the_mailing(smtp: Server) -> None:
    with pytest.raises(NotificationFailed, match=r"refused the sender \(550 no such sender here\); 4 users remain"):
        smtp.send(smtp.start({"mail_from": "banned@dt.example"}), USERS)


def test_no_mail_server_is_a_decision(smtp: Server) -> None:
    settings = Settings(_env_file=None)
    mail.check(settings)
    assert smtp.send(settings, USERS) == mail.Delivery(0, 0, {})
    assert smtp.record == []


def test_starttls_with_login(smtp: Server, certificate: ssl.SSLContext) -> None:
    login = {"smtp_tls": "starttls", "smtp_user": "runbook", "smtp_password": SecretStr(PASSWORD)}
    options = {"tls_context": certificate, "require_starttls": True, "auth_required": True}
    settings = smtp.start(login, authenticator=authenticate, **options)
    mail.check(settings)
    assert smtp.send(settings, USERS).sent == 4


def test_tls_from_the_first_byte(smtp: Server, certificate: ssl.SSLContext) -> None:
    settings = smtp.start({"smtp_tls": "tls"}, ssl_context=certificate)
    assert smtp.send(settings, USERS).sent == 4


def test_a_certificate_that_nobody_trusts_is_refused(
    smtp: Server, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    settings = smtp.start({"smtp_tls": "starttls"}, tls_context=certificate)
    with pytest.raises(NotificationFailed, match="certificate verify failed"):
        smtp.send(settings, USERS)
    assert smtp.receivers() == []


def test_starttls_that_the_server_has_not_is_refused(smtp: Server) -> None:
    with pytest.raises(NotificationFailed, match="STARTTLS"):
        mail.check(smtp.start({"smtp_tls": "starttls"}))


def test_a_wrong_password_is_named_and_not_shown(smtp: Server) -> None:
    login = {"smtp_user": "runbook", "smtp_password": SecretStr(PASSWORD + "!")}
    settings = smtp.start(login, authenticator=authenticate, auth_required=True, auth_require_tls=False)
    with pytest.raises(NotificationFailed, match="refused the login of runbook") as caught:
        mail.check(settings)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("sender", ["nobody", "", "DigitalTwin <>"])
def test_a_sender_that_is_no_address_is_found_before(smtp: Server, sender: str) -> None:
    with pytest.raises(SettingsInvalid, match="MAIL_FROM"):
        mail.check(smtp.start({"mail_from": sender}))
