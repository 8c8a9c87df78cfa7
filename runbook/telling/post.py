"""The only door to smtplib: a connection to the mail server that says what became of each message."""

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import parseaddr
from threading import Timer
from typing import Literal

from runbook.errors import NotificationFailed
from runbook.settings import Settings

Fate = Literal["accepted", "refused", "doubtful", "waiting"]
"""What became of a message: taken over; refused for good; perhaps taken over, since the line broke; or not yet."""

SECONDS = 20.0
"""How long the server may take for one answer, in s."""
WHOLE_SECONDS = 60.0
"""How long connecting, and one message, may take whatever the server says meanwhile, in s."""
OK, FORWARDED, GO_ON, CLOSING, READY = 250, 251, 354, 421, 220
SUCCESS, TEMPORARY, PERMANENT = 2, 4, 5
"""First digits of a reply (RFC 5321, 4.2.1)."""
MAILBOX = (550, 551, 552, 553)
"""Replies about a mailbox."""
ENHANCED = re.compile(r"\b[245]\.(\d{1,3})\.\d{1,3}\b")
"""A reply's enhanced status (RFC 3463); its second figure says what it is about."""
ADDRESS, BOX = "1", "2"
"""The second figure of what is about an address, and about a mailbox."""


class LineLost(Exception):
    """The connection was not made, or ended, before the message left: it was certainly not delivered. Try later."""


class NotTaken(Exception):
    """The server did not take this message.

    ``fate`` says whether it is worth another try; ``unclear``: whether the recipient is refused, or everybody would be.
    """

    def __init__(self, why: str, fate: Fate, *, unclear: bool = False) -> None:
        super().__init__(why)
        self.fate, self.unclear = fate, unclear


class Post:
    """One open connection."""

    def __init__(self, connection: smtplib.SMTP) -> None:
        self._connection = connection

    def greet(self) -> None:
        """Say NOOP. Raises LineLost when the server does not answer 250."""
        code, said = self._asked(self._connection.noop)
        if code != OK:
            raise LineLost(_words(code, said))

    def send(self, sender: str, recipient: str, data: bytes, last: Callable[[], None] = lambda: None) -> None:
        """Hand one message over; ``last`` is called before the server is asked to take it.

        Raises LineLost, NotTaken, or NotificationFailed when the sender is refused, which no other recipient changes.
        """
        with _within(self._connection, WHOLE_SECONDS):
            self._sender(sender)
            self._recipient(recipient)
            self._content(data)
            last()
            self._take()

    def close(self) -> None:
        """Say QUIT and close, whatever the server makes of it."""
        with suppress(OSError, smtplib.SMTPException):
            if self._connection.sock:
                self._connection.sock.settimeout(1)
            self._connection.quit()
        self._connection.close()

    def _sender(self, sender: str) -> None:
        code, said = self._asked(lambda: self._connection.mail(parseaddr(sender)[1]))
        if code == OK:
            return
        if code // 100 == TEMPORARY:
            raise LineLost(_words(code, said))
        raise NotificationFailed(
            f"The mail server refused the sender ({_words(code, said)}).",
            "Set ROLLBACK_MAIL_FROM to an address that it accepts.",
        )

    def _recipient(self, recipient: str) -> None:
        code, said = self._asked(lambda: self._connection.rcpt(recipient))
        if code not in (OK, FORWARDED):
            raise self._not_taken(code, said, unclear=not _about_mailbox(code, said))

    def _content(self, data: bytes) -> None:
        """Send the content, but not the line that ends it: until then nothing is delivered."""
        code, said = self._asked(lambda: self._connection.docmd("DATA"))
        if code != GO_ON:
            raise self._not_taken(code, said, unclear=True)
        lines = re.sub(rb"(?m)^\.", b"..", re.sub(rb"\r\n|\r|\n", b"\r\n", data))
        try:
            self._connection.send(lines if lines.endswith(b"\r\n") else lines + b"\r\n")
        except (OSError, smtplib.SMTPException) as error:
            raise LineLost(_reason(error)) from None

    def _take(self) -> None:
        """End the content. Where no answer comes, nobody knows whether the message is delivered."""
        try:
            self._connection.send(b".\r\n")
            code, said = self._connection.getreply()
        except (OSError, smtplib.SMTPException) as error:
            why = f"the connection was lost while the message was handed over; it may have arrived ({_reason(error)})"
            raise NotTaken(why, "doubtful") from None
        if code // 100 != SUCCESS:
            raise self._not_taken(code, said, unclear=True)

    def _asked(self, ask: Callable[[], tuple[int, object]]) -> tuple[int, object]:
        """Return the server's answer. Raises LineLost when there is none, or when it closes the line."""
        try:
            code, said = ask()
        except (OSError, smtplib.SMTPException) as error:
            raise LineLost(_reason(error)) from None
        if code in (CLOSING, -1):
            raise LineLost(_words(code, said))
        return code, said

    def _not_taken(self, code: int, said: object, *, unclear: bool) -> Exception:
        """Reset the transaction, and return what this answer means for the recipient."""
        with suppress(OSError, smtplib.SMTPException):
            self._connection.rset()
        if code == CLOSING:
            return LineLost(_words(code, said))
        if code // 100 == PERMANENT:
            return NotTaken(_words(code, said), "refused", unclear=unclear)
        return NotTaken(_words(code, said), "waiting")


def connect(settings: Settings, seconds: float | None = None) -> Post:
    """Connect and log in within ``seconds``; not given: SECONDS for one answer, WHOLE_SECONDS for all.

    Raises LineLost where another try may help, NotificationFailed where it must be mended.
    """
    try:
        return Post(_open(settings, seconds or SECONDS, seconds or WHOLE_SECONDS))
    except smtplib.SMTPResponseException as error:
        if error.smtp_code // 100 != PERMANENT:
            raise LineLost(_words(error.smtp_code, error.smtp_error)) from None
        raise _unusable(settings, error) from None
    except smtplib.SMTPServerDisconnected as error:
        raise LineLost(_reason(error)) from None
    except (smtplib.SMTPException, ssl.SSLCertVerificationError, UnicodeError) as error:
        raise _unusable(settings, error) from None
    except OSError as error:  # a broken handshake, too: the server may be starting
        raise LineLost(_reason(error)) from None


def _open(settings: Settings, seconds: float, whole: float) -> smtplib.SMTP:
    secure = settings.smtp_tls == "tls"
    made = smtplib.SMTP_SSL(timeout=seconds, context=ssl.create_default_context()) if secure else None
    connection: smtplib.SMTP = made or smtplib.SMTP(timeout=seconds)
    host = settings.smtp_host or ""
    connection._host = host  # type: ignore[attr-defined] # what a certificate is checked against
    try:
        with _within(connection, whole):
            code, said = connection.connect(host, settings.smtp_port)
            if code != READY:
                raise smtplib.SMTPConnectError(code, said)
            _enter(settings, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _enter(settings: Settings, connection: smtplib.SMTP) -> None:
    """Greet, encrypt where that is asked for, and log in where a user is given."""
    _hello(connection)
    if settings.smtp_tls == "starttls":
        connection.starttls(context=ssl.create_default_context())
        _hello(connection)
    if settings.smtp_user:
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
        connection.login(settings.smtp_user, password)


def _hello(connection: smtplib.SMTP) -> None:
    """Say EHLO; an old server gets a HELO, but one that is busy is not taken for one."""
    code, said = connection.ehlo()
    if code // 100 == PERMANENT:
        code, said = connection.helo()
    if code // 100 != SUCCESS:
        raise smtplib.SMTPHeloError(code, said)


@contextmanager
def _within(connection: smtplib.SMTP, seconds: float) -> Iterator[None]:
    """Cut the line after ``seconds``: a server that says a little now and then never lets a single answer time out."""

    def cut() -> None:
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    timer = Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _about_mailbox(code: int, said: object) -> bool:
    """Tell whether a refusal is about this mailbox, and not about who may send here at all."""
    found = ENHANCED.search(_words(code, said))
    return found[1] in (ADDRESS, BOX) if found else code in MAILBOX


def _unusable(settings: Settings, error: Exception) -> NotificationFailed:
    """Say why the server cannot be used, without anything that was sent to it."""
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        why = f"refused the login of {settings.smtp_user} ({error.smtp_code})"
    else:
        why = f"cannot be used: {_reason(error)}"
    return NotificationFailed(
        f"The mail server {where} {why}.", "Check the ROLLBACK_SMTP_… settings and the server.", ""
    )


def _reason(error: Exception) -> str:
    """Say an error as a person would."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _words(error.smtp_code, error.smtp_error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__


def _words(code: int, said: object) -> str:
    """Say the server's answer, short."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join(f"{code} {text}".split())[:200]
