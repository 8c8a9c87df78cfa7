"""Mail to users: one message for each, over one SMTP connection, and nobody mailed twice."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid, parseaddr

from runbook import printable
from runbook.errors import NotificationFailed, SettingsInvalid
from runbook.settings import Settings
from runbook.telling.post import Fate, LineLost, NotTaken, Post, connect

log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
"""How long the plan asks the mail server: people wait for it."""
SILENT = 3
"""How many messages in a row may be taken without a word of what became of them; then nobody else's is handed over."""
PAUSE = 2.0
"""How long to wait before the first further try, in s; doubled each time."""
LONGEST_PAUSE = 60.0
SUBJECT = 250
"""How many characters a subject may have."""
LOSSES = 3
"""How many connections in a row may be lost without an answer about a message; then there is a pause."""
UNCLEAR = 4
"""How many refusals may be everybody's while nobody was accepted; then it is the server that is to be mended."""

Record = Callable[[str, Fate, str], None]
"""Writes down what became of a recipient's message, with what the server said."""


@dataclass
class Delivery:
    """What became of a mailing: by address, what the server said. Who is ``waiting`` was not mailed."""

    accepted: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    """Why the mailing ended before everybody had an answer."""
    remedy: str = ""


def send_users(
    settings: Settings,
    recipients: Iterable[str],
    subject: str,
    body: str,
    record: Record = lambda *_: None,
    *,
    accepted_before: bool = False,
    seconds: float | None = None,
) -> Delivery:
    """Send each recipient a message of their own; who cannot be mailed stops nobody.

    ``record`` is called with "doubtful" before the server is asked to take a message, and with its answer afterwards:
    what a killed process leaves doubtful may have arrived. What is temporary (a 4xx reply, a lost or refused
    connection) is tried again, after growing pauses, until ``seconds`` (not said: ``mail_seconds``) passed in which
    nobody's message was taken or refused. ``accepted_before``: whether this server took such a message already.
    """
    todo = list(dict.fromkeys(recipients))
    budget = settings.mail_seconds if seconds is None else seconds
    mailing = _Mailing(settings, subject, body, record, budget, usable=accepted_before)
    if todo:
        mailing.run(todo)
    told = mailing.told
    log.info(
        "Mail: %d accepted, %d refused, %d doubtful, %d waiting. %s",
        *map(len, (told.accepted, told.refused, told.doubtful, told.waiting)),
        told.trouble,
    )
    return told


def check(settings: Settings) -> None:
    """Connect, log in and say NOOP, where a mail server is configured.

    Raises SettingsInvalid for a sender that is no address, NotificationFailed for a server that cannot be used now.
    """
    if settings.smtp_host is None:
        return
    try:
        _message(settings, "nobody@example.invalid", "Subject", "Body")
    except (MessageError, ValueError, IndexError) as error:
        raise SettingsInvalid(f"ROLLBACK_MAIL_FROM is no address: {error}.", "Correct it.") from None
    post = None
    try:
        post = connect(settings, CHECK_SECONDS)
        post.greet()
    except LineLost as error:
        where = f"{settings.smtp_host}:{settings.smtp_port}"
        raise NotificationFailed(
            f"The mail server {where} cannot be used now: {str(error).rstrip('.')}.",
            "Check the ROLLBACK_SMTP_… settings and the server.",
        ) from None
    finally:
        if post:
            post.close()


@dataclass
class _Mailing:
    """One mailing on its way, over as many connections as it takes."""

    settings: Settings
    subject: str
    body: str
    record: Record
    budget: float
    usable: bool
    """Whether the server takes such messages at all: somebody's was accepted."""
    told: Delivery = field(default_factory=Delivery)
    post: Post | None = None
    unclear: dict[str, str] = field(default_factory=dict)
    """Who was refused while nobody was accepted, so that it may be the server that refuses everybody."""
    due: float = 0
    silent: int = 0
    """How many messages in a row were taken without an answer."""

    def run(self, todo: list[str]) -> None:
        """Mail everybody; who is not answered for is tried again after a pause, while there is time."""
        self.told.waiting = dict.fromkeys(todo, "")
        self.due = time.monotonic() + self.budget
        pause = PAUSE
        try:
            self._round(todo)
            while self._waiting() and time.monotonic() + pause < self.due:
                log.info("Not mailed yet: %d (%s); trying again in %g s.", len(self._waiting()), self.said, pause)
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                self._round(self._waiting())
            self.told.trouble = self.said if self._waiting() else ""
        except NotificationFailed as error:
            self.told.trouble, self.told.remedy = error.problem, error.remedy
        finally:
            self._hang_up()
        self._clear_up()

    @property
    def said(self) -> str:
        """What the server said last to somebody who waits."""
        return next((why for why in reversed(self.told.waiting.values()) if why), "no answer")

    def _waiting(self) -> list[str]:
        return [address for address in self.told.waiting if address not in self.unclear]

    def _round(self, todo: list[str]) -> None:
        """Try each once; lost connections in a row, or no time left, end the round. Raises NotificationFailed."""
        losses = 0
        for address in todo:
            if time.monotonic() > self.due or losses >= LOSSES:
                return
            losses = losses + 1 if self._lost(address) else 0

    def _lost(self, address: str) -> bool:
        """Mail one recipient, and tell whether the connection was lost before there was an answer."""
        try:
            data = _message(self.settings, address, self.subject, self.body)
        except (MessageError, ValueError, IndexError) as error:
            self._ended(address, "refused", f"cannot be mailed: {error}")
            return False
        try:
            self.post = self.post or connect(self.settings)
            self.post.send(self.settings.mail_from, address, data, lambda: self.record(address, "doubtful", ""))
        except LineLost as error:
            self._ended(address, "waiting", str(error))
            self._hang_up()
            return True
        except NotTaken as error:
            return self._not_taken(address, error)
        self.usable, self.silent = True, 0
        self._ended(address, "accepted", "")
        return False

    def _not_taken(self, address: str, error: NotTaken) -> bool:
        if error.fate == "doubtful":
            return self._doubtful(address, str(error))
        self.silent = 0
        if not error.unclear or self.usable:
            self._ended(address, error.fate, str(error))
            return False
        self._ended(address, "waiting", str(error))
        self.unclear[address] = str(error)
        if len(self.unclear) >= UNCLEAR:
            raise NotificationFailed(
                f"The mail server {self.settings.smtp_host} refuses everybody: {error}.",
                "Check the ROLLBACK_SMTP_… settings, the server's rules for this machine, and the message's template.",
            )
        return False

    def _doubtful(self, address: str, said: str) -> bool:
        """Hand nobody else's message to a server that takes them and says nothing. Raises NotificationFailed."""
        self._ended(address, "doubtful", said)
        self._hang_up()
        self.silent += 1
        if self.silent >= SILENT:
            raise NotificationFailed(
                f"The mail server {self.settings.smtp_host} takes messages and does not say what becomes of them.",
                "See on the server what became of these; then run again for the same incident: it mails who waits.",
            )
        return True

    def _ended(self, address: str, fate: Fate, said: str) -> None:
        self.record(address, fate, said)
        self.told.waiting.pop(address, None)
        if fate == "accepted":
            self.told.accepted.add(address)
        else:
            getattr(self.told, fate)[address] = said
        if fate in ("accepted", "refused"):
            self.due = time.monotonic() + self.budget

    def _clear_up(self) -> None:
        """Once somebody was accepted, who was refused was refused for their own sake."""
        for address, said in self.unclear.items():
            if self.usable:
                self._ended(address, "refused", said)
        if self.unclear and not self.usable and not self.told.trouble:
            self.told.trouble = next(iter(self.unclear.values()))

    def _hang_up(self) -> None:
        if self.post:
            self.post.close()
        self.post = None


def _message(settings: Settings, address: str, subject: str, body: str) -> bytes:
    """Write the message to one recipient, for the wire. Raises what email raises for an address that is none."""
    if not address.isascii():
        raise ValueError("it has characters outside ASCII, which mail servers seldom take")
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    sender = parseaddr(settings.mail_from)
    message["From"] = Address(sender[0], addr_spec=sender[1])
    message["To"] = Address(addr_spec=address)
    # =? begins an encoded word (RFC 2047): who reads the mail would decode it.
    message["Subject"] = printable.line(subject, SUBJECT).replace("=?", "= ?")
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=sender[1].rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(printable.text(body))
    return message.as_bytes()
