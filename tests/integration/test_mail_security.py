"""Mail over TLS and with a login, by a real SMTP server; what is wrong with it is found and named."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from runbook.errors import NotificationFailed, SettingsInvalid
from runbook.telling import mail
from tests import smtp as server
from tests.smtp import DROP, USERS, Server

# The server of the test warns that logging in without TLS is unwise; here both ends are this process.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

PASSWORD = "a password which nobody may see"


@pytest.fixture
def smtp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with server.running(tmp_path, monkeypatch) as made:
        yield made


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


def test_starttls_with_login(smtp: Server, certificate: ssl.SSLContext) -> None:
    login = {"smtp_tls": "starttls", "smtp_user": "runbook", "smtp_password": SecretStr(PASSWORD)}
    options = {"tls_context": certificate, "require_starttls": True, "auth_required": True}
    settings = smtp.start(login, authenticator=authenticate, **options)
    mail.check(settings)
    assert smtp.send(settings, USERS).accepted == set(USERS)


def test_tls_from_the_first_byte(smtp: Server, certificate: ssl.SSLContext) -> None:
    settings = smtp.start({"smtp_tls": "tls"}, ssl_context=certificate)
    assert smtp.send(settings, USERS).accepted == set(USERS)


def test_a_certificate_that_nobody_trusts_is_refused(
    smtp: Server, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    settings = smtp.start({"smtp_tls": "starttls"}, tls_context=certificate)
    delivery = smtp.send(settings, USERS)
    assert "certificate verify failed" in delivery.trouble
    assert set(delivery.waiting) == set(USERS)
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


@pytest.mark.parametrize("stage", ["STARTTLS", "AUTH"])
@pytest.mark.parametrize("said", ["454 4.7.0 not available now", "421 4.7.0 too busy", DROP])
def test_what_is_temporary_before_the_first_message_is_tried_again(
    smtp: Server, certificate: ssl.SSLContext, stage: str, said: str
) -> None:
    login = {"smtp_tls": "starttls", "smtp_user": "runbook", "smtp_password": SecretStr(PASSWORD), "mail_seconds": 5}
    settings = smtp.start(login, authenticator=authenticate, tls_context=certificate, require_starttls=True)
    smtp.box.mood(stage, said, 3)
    assert smtp.send(settings, USERS).accepted == set(USERS)
    assert smtp.receivers() == USERS


@pytest.mark.parametrize("sender", ["nobody", "", "DigitalTwin <>"])
def test_a_sender_that_is_no_address_is_found_before(smtp: Server, sender: str) -> None:
    with pytest.raises(SettingsInvalid, match="MAIL_FROM"):
        mail.check(smtp.start({"mail_from": sender}))
