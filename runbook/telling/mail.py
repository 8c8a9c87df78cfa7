"""Mail to users: one message for each, over one SMTP connection, and nobody mailed twice."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid, parseaddr

from runbook.errors import NotificationFailed, SettingsInvalid
from runbook.settings import Settings
from runbook.telling.post import LineLost, NotTaken, Post, connect

log = logging.getLogger(__name__)

TRIES = 2
"""How many lost connections one recipient is worth; then the next one has a turn."""
LOSSES = 4
"""How many connections in a row may be lost without a message handed over."""


@dataclass(frozen=True)
class Delivery:
    """What became of a mailing."""

    sent: int
    skipped: int
    """How many had it already."""
    failed: Mapping[str, str]
    """Why, by address."""


def send_users(
    settings: Settings,
    recipients: Iterable[str],
    subject: str,
    body: str,
    *,
    already: Callable[[str], bool],
    sent: Callable[[str], None],
) -> Delivery:
    """Send each recipient a message of their own.

    ``already`` tells whom an earlier try mailed; ``sent`` is called as soon as the server took a message over, and
    also when the connection broke while it did, since the message may have arrived. Recipients whom the server refuses
    do not stop the others. Raises NotificationFailed when the server cannot be used, naming how many remain.
    """
    everybody = list(dict.fromkeys(recipients))
    todo = [address for address in everybody if not already(address)]
    if settings.smtp_host is None:
        log.info("No mail server is configured (ROLLBACK_SMTP_HOST): %d users are not mailed.", len(todo))
        return Delivery(0, len(everybody) - len(todo), {})
    failed = _Mailing(settings, subject, body, sent).run(todo) if todo else {}
    delivery = Delivery(len(todo) - len(failed), len(everybody) - len(todo), failed)
    log.info("Users mailed: %d; had it already: %d; failed: %d.", delivery.sent, delivery.skipped, len(failed))
    return delivery


def check(settings: Settings) -> None:
    """Connect, log in and say NOOP, where a mail server is configured.

    Raises SettingsInvalid for a sender that is no address, NotificationFailed for a server that cannot be used.
    """
    if settings.smtp_host is None:
        return
    try:
        _message(settings, "nobody@example.invalid", "Subject", "Body")
    except (MessageError, ValueError, IndexError) as error:
        raise SettingsInvalid(f"ROLLBACK_MAIL_FROM is no address: {error}.", "Correct it.") from None
    post = connect(settings)
    try:
        post.greet()
    except LineLost as error:
        raise NotificationFailed(
            f"The mail server {settings.smtp_host} answered NOOP with: {error}", "Check the server."
        ) from None
    finally:
        post.close()


class _Mailing:
    """One mailing on its way, over as many connections as it takes."""

    def __init__(self, settings: Settings, subject: str, body: str, sent: Callable[[str], None]) -> None:
        self.settings, self.subject, self.body, self.sent = settings, subject, body, sent
        self.failed: dict[str, str] = {}
        self.post: Post | None = None
        self.losses = 0

    def run(self, todo: list[str]) -> dict[str, str]:
        """Mail everybody and return who failed, and why."""
        try:
            for done, address in enumerate(todo):
                self._mail(address, len(todo) - done)
        finally:
            if self.post:
                self.post.close()
        return self.failed

    def _mail(self, address: str, remain: int) -> None:
        """Mail one recipient; a connection lost before the message left is made anew."""
        try:
            data = _message(self.settings, address, self.subject, self.body)
        except (MessageError, ValueError, IndexError) as error:
            self.failed[address] = f"cannot be mailed: {error}"
            return
        for _ in range(TRIES):
            try:
                self._hand_over(address, data, remain)
                break
            except LineLost as error:
                self.failed[address] = str(error)
                self._lost(error, remain)

    def _hand_over(self, address: str, data: bytes, remain: int) -> None:
        post = self.post = self.post or connect(self.settings, remain)
        try:
            post.send(self.settings.mail_from, address, data, remain)
        except NotTaken as error:
            self.failed[address] = str(error)
            if error.doubtful:
                self.sent(address)
                return self._lost(error, remain - 1)
        else:
            self.failed.pop(address, None)
            self.sent(address)
        self.losses = 0
        return None

    def _lost(self, error: Exception, remain: int) -> None:
        """Give up when the server takes nothing any more; otherwise the next try connects anew."""
        if self.post:
            self.post.close()
        self.post, self.losses = None, self.losses + 1
        log.info("The mail server closed the connection (%s); connecting again.", error)
        if self.losses >= LOSSES:
            raise NotificationFailed(
                f"The mail server {self.settings.smtp_host} lost {self.losses} connections in a row ({error}); "
                f"{remain} users remain unmailed.",
                "Check the server, then let the step run again: nobody is mailed twice.",
            )


def _message(settings: Settings, address: str, subject: str, body: str) -> bytes:
    """Write the message to one recipient, for the wire. Raises what email raises for an address that is none."""
    if not address.isascii():
        raise ValueError("it has characters outside ASCII, which mail servers seldom take")
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    sender = parseaddr(settings.mail_from)
    message["From"] = Address(sender[0], addr_spec=sender[1])
    message["To"] = Address(addr_spec=address)
    message["Subject"] = subject
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=sender[1].rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    return message.as_bytes()
