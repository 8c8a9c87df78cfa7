"""Telling the team, through apprise, wherever the settings say. A channel's URL is a secret and stays one."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyFormat

from runbook import printable
from runbook.errors import NotificationFailed, SettingsInvalid
from runbook.settings import Settings
from runbook.telling import mail

log = logging.getLogger(__name__)

NOISY = ("apprise", "urllib3", "requests")
"""Loggers that write addresses with their tokens."""
ONE_SECONDS = 30.0
"""For how long a mail to one approver is tried, in s."""


def tell(settings: Settings, title: str, body: str) -> int:
    """Tell the team and return how many channels were told; 0 when none is configured.

    Raises NotificationFailed after every channel was tried, naming those not reached by their schema only.
    """
    urls = _urls(settings)
    if not urls:
        log.info("No team channel is configured (ROLLBACK_TEAM_URLS): the team is not told.")
        return 0
    missed = [schema(url) for url in urls if not reach(url, title, body)]
    if missed:
        raise NotificationFailed(
            f"The team was not told through {', '.join(missed)} ({len(urls) - len(missed)} of {len(urls)} were told).",
            "Tell the team by hand, then check ROLLBACK_TEAM_URLS and the way to these services.",
        )
    log.info("The team was told through %s.", ", ".join(map(schema, urls)))
    return len(urls)


def channels(settings: Settings) -> dict[str, str]:
    """Return the URL of each channel by a name that may be shown: schema and the beginning of a hash."""
    return {f"{schema(url)} {sha256(url.encode()).hexdigest()[:8]}": url for url in _urls(settings)}


def reach(url: str, title: str, body: str) -> bool:
    """Send a message to one channel, and tell whether it was taken."""
    with _silence():
        return _notify(url, printable.line(title), printable.text(body))


def check(settings: Settings) -> None:
    """Raise SettingsInvalid when apprise does not understand one of the URLs; nothing is sent."""
    with _silence():
        bad = [f"number {i} ({schema(url)})" for i, url in enumerate(_urls(settings), 1) if _channel(url) is None]
    if bad:
        raise SettingsInvalid(
            f"ROLLBACK_TEAM_URLS: not understood: {', '.join(bad)}.",
            "Write each as an apprise URL, such as slack://token-a/token-b/token-c.",
            "Nothing was touched.",
        )


def reachable(contact: str) -> bool:
    """Tell whether somebody's contact can be used: mailto:address, or a URL that apprise understands."""
    if address := _address(contact):
        return "@" in address
    with _silence():
        return _channel(contact) is not None


def tell_one(settings: Settings, contact: str, title: str, body: str) -> bool:
    """Tell one person and return whether that worked; a mail address is reached through the settings' mail server."""
    if address := _address(contact):
        return address in mail.send_users(settings, [address], title, body, seconds=ONE_SECONDS).accepted
    return reach(contact, title, body)


def _address(contact: str) -> str:
    """Return the address of mailto:address; apprise's own mailto:// is something else."""
    found = re.fullmatch(r"mailto:(?!//)(\S+)", contact)
    return found[1] if found else ""


def schema(url: str) -> str:
    """Return what may be shown of a URL: its schema, such as ``slack``."""
    found = re.match(r"([A-Za-z][A-Za-z0-9]{1,19})://", url)
    return found[1].lower() if found else "no schema"


def _urls(settings: Settings) -> list[str]:
    return settings.team_urls.get_secret_value().split()


def _channel(url: str) -> Any:
    """Return apprise's object for a URL, or None when it understands it not."""
    try:
        return Apprise.instantiate(url, asset=AppriseAsset(async_mode=False), suppress_exceptions=True)
    except Exception:  # whatever a plugin raises would show the URL
        return None


def _notify(url: str, title: str, body: str) -> bool:
    try:
        channel, one = _channel(url), Apprise(asset=AppriseAsset(async_mode=False))
        if channel is None or not one.add(channel):
            return False
        # As text: what is sent as HTML (mail, Telegram) is escaped, so that a message has no markup of its own.
        return bool(one.notify(body, title, body_format=NotifyFormat.TEXT))
    except Exception:  # as above
        return False


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the libraries' own log lines, which hold addresses, away from every handler."""
    loggers = [logging.getLogger(name) for name in NOISY]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
