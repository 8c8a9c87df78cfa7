"""The only door to smtplib: a connection to the mail server that says what became of each message."""

import smtplib
import ssl
import time
from contextlib import suppress
from email.utils import parseaddr

from runbook.errors import NotificationFailed
from runbook.settings import Settings

SECONDS = 30.0
"""How long the server may take for one answer, in s."""
CONNECTS = 3
PAUSE = 1.0
"""How long to wait before connecting again, in s; doubled each time."""
OK, FORWARDED, CLOSING = 250, 251, 421


class LineLost(Exception):
    """The connection ended before the message left: it was certainly not delivered."""


class NotTaken(Exception):
    """The server refused this recipient; ``doubtful``: the line broke while the message was handed over."""

    def __init__(self, why: str, *, doubtful: bool = False) -> None:
        super().__init__(why)
        self.doubtful = doubtful


class Post:
    """One open connection."""

    def __init__(self, connection: smtplib.SMTP) -> None:
        self._connection = connection

    def greet(self) -> None:
        """Say NOOP. Raises LineLost when the server does not answer 250."""
        try:
            self._expect(*self._connection.noop())
        except (OSError, smtplib.SMTPException) as error:
            raise LineLost(str(error)) from None
        except NotTaken as error:
            raise LineLost(str(error)) from None

    def send(self, sender: str, recipient: str, data: bytes, remain: int = 0) -> None:
        """Hand one message over.

        Raises LineLost, NotTaken, or NotificationFailed when the sender is refused, which no other recipient changes.
        """
        try:
            self._envelope(sender, recipient, remain)
        except (OSError, smtplib.SMTPException) as error:
            raise LineLost(str(error)) from None
        try:
            self._expect(*self._connection.data(data))
        except smtplib.SMTPDataError as error:  # refused before the content left
            self._expect(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            why = f"the connection was lost while the message was handed over; it may have arrived ({error})"
            raise NotTaken(why, doubtful=True) from None

    def close(self) -> None:
        """Say QUIT and close, whatever the server makes of it."""
        with suppress(OSError, smtplib.SMTPException):
            self._connection.quit()
        self._connection.close()

    def _envelope(self, sender: str, recipient: str, remain: int) -> None:
        self._expect_sender(*self._connection.mail(parseaddr(sender)[1]), remain)
        self._expect(*self._connection.rcpt(recipient))

    def _expect_sender(self, code: int, said: bytes | str, remain: int) -> None:
        if code in (OK, CLOSING):
            return self._expect(code, said)
        raise NotificationFailed(
            f"The mail server refused the sender ({_words(code, said)}); {remain} users remain unmailed.",
            "Set ROLLBACK_MAIL_FROM to an address it accepts, then let the step run again: nobody is mailed twice.",
        )

    def _expect(self, code: int, said: bytes | str) -> None:
        """Go on after a yes; after a no, reset the transaction and raise NotTaken or, after 421, LineLost."""
        if code in (OK, FORWARDED):
            return
        if code in (CLOSING, -1):
            self._connection.close()
            raise LineLost(_words(code, said))
        with suppress(OSError, smtplib.SMTPException):
            self._connection.rset()
        raise NotTaken(_words(code, said))


def connect(settings: Settings, remain: int = 0) -> Post:
    """Connect and log in; a server that does not answer is tried CONNECTS times. Raises NotificationFailed."""
    for attempt in range(1, CONNECTS + 1):
        try:
            return Post(_open(settings))
        except (ssl.SSLError, smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as error:
            raise _unusable(settings, error, remain) from None
        except (OSError, smtplib.SMTPException) as error:
            if attempt == CONNECTS:
                raise _unusable(settings, error, remain) from None
            time.sleep(PAUSE * 2 ** (attempt - 1))
    raise AssertionError("unreachable")


def _open(settings: Settings) -> smtplib.SMTP:
    host, port = settings.smtp_host or "", settings.smtp_port
    if settings.smtp_tls == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=ssl.create_default_context())
    else:
        connection = smtplib.SMTP(host, port, timeout=SECONDS)
    try:
        _enter(settings, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _enter(settings: Settings, connection: smtplib.SMTP) -> None:
    """Encrypt where that is asked for, and log in where a user is given."""
    if settings.smtp_tls == "starttls":
        connection.starttls(context=ssl.create_default_context())
    connection.ehlo_or_helo_if_needed()
    if settings.smtp_user:
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
        connection.login(settings.smtp_user, password)


def _unusable(settings: Settings, error: Exception, remain: int) -> NotificationFailed:
    """Say why the server cannot be used, without anything that was sent to it."""
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        why = f"refused the login of {settings.smtp_user} ({error.smtp_code})"
    else:
        why = f"cannot be used: {error}"
    return NotificationFailed(
        f"The mail server {where} {why}." + (f" {remain} users remain unmailed." if remain else ""),
        "Check the ROLLBACK_SMTP_… settings and the server, then let the step run again: nobody is mailed twice.",
    )


def _words(code: int, said: bytes | str) -> str:
    """Say the server's answer, short."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join(f"{code} {text}".split())[:200]
