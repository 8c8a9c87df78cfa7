"""Who was told how a run ended, and who was not: counts, and the words for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from runbook import figures

WORDS = {
    "accepted": "accepted by the mail server",
    "refused": "refused for good",
    "doubtful": "in doubt (the connection broke while the message was handed over; not mailed again)",
    "waiting": "waiting",
    "given up": "given up",
}
"""How an outcome is called, in the order in which they are said."""
NO_SERVER = "the users are not mailed: no mail server is set (ROLLBACK_SMTP_HOST)"
NOT_ASKED = "the users are not mailed: so requested"


@dataclass(frozen=True)
class Told:
    """Who was told about one incident: numbers of users (by mailbox) and of team channels, by outcome."""

    users: Mapping[str, int] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)
    unmailed: str = ""
    """Why no user is mailed, where that is so."""
    trouble: str = ""
    """What is in the way of those who wait."""
    remedy: str = ""

    @property
    def open(self) -> bool:
        """Whether somebody still waits to be told."""
        return self.users.get("waiting", 0) + self.channels.get("waiting", 0) > 0

    @property
    def everybody(self) -> bool:
        """Whether each user and each channel was told, so that nobody need be told another way."""
        told = self.users.get("accepted", 0), self.channels.get("accepted", 0)
        return not self.unmailed and sum(self.users.values()) == told[0] and sum(self.channels.values()) == told[1]


def users(told: Told) -> str:
    """Say how many users were mailed, with a count for each outcome."""
    whole = sum(told.users.values())
    said = ", ".join(f"{told.users[one]:,} {words}" for one, words in WORDS.items() if told.users.get(one))
    counted = f"{figures.count(whole, 'user')}: {said}" if whole else ""
    return "; ".join(filter(None, [counted, told.unmailed])) or "no user is to be mailed"


def channels(told: Told) -> str:
    """Say how many of the team's channels were told."""
    whole = sum(told.channels.values())
    if not whole:
        return "no team channel is set"
    given_up = told.channels.get("given up", 0)
    said = f"{told.channels.get('accepted', 0)} of {figures.count(whole, 'team channel')} told"
    return f"{said}, {given_up} given up" if given_up else said


def counts(told: Told) -> str:
    """Say all counts in one line."""
    why = f" ({told.trouble.rstrip('.')})" if told.open and told.trouble else ""
    return f"{users(told)}; {channels(told)}{why}"


def sentence(told: Told) -> str:
    """Say how the telling stands, to end "rolled back, verified, …"."""
    if told.everybody:
        return "and everybody told"
    if told.open:
        return f"but not everybody is told yet: {counts(told)}"
    return f"and told, as far as that can be: {counts(told)}"


def remedy(told: Told, incident: str) -> str:
    """Say what to do about those who wait; an empty text when nobody does."""
    if not told.open:
        return ""
    parts = [told.remedy] if told.remedy else []
    parts += [f"Run again for {incident}: it tells only who waits; nobody is told twice."]
    if told.users.get("waiting"):
        parts += ["To give up on the users who wait: the same with --no-notify-users (notify_users=false)."]
    if told.channels.get("waiting"):
        parts += ["To give up on a channel: take it out of ROLLBACK_TEAM_URLS."]
    return " ".join(parts)
