"""Who may authorise, when, and for which plan: the rules, the same for every door an answer comes through.

They know neither database nor clock: what is remembered and what time it is are given.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runbook import figures
from runbook.approval import approvers, code_text, demands, onetime
from runbook.approval.answer import Answer, Approval, Role
from runbook.approval.approvers import Approver
from runbook.errors import NotEntitled
from runbook.planning import criteria
from runbook.settings import Settings

LEAD: Role = "Team Lead"
ON_CALL: Role = "On-call Engineer"
HEX = re.compile(r"[0-9a-f]{8,64}")
"""What names a plan: the beginning of its hash."""
LIMIT = 5
"""How many wrong answers a source may give within ``WINDOW``; from then on its answers need two codes in a row.

A single code is guessed with a chance of three in a million a try, so a source guesses one with 1.5 in 100,000 a day.
Two codes in a row are guessed with three in a million million, so they need no limit, and nobody is shut out.
"""
WINDOW = timedelta(days=1)
TWO_CODES = (
    f"{LIMIT} wrong answers or more came this way within a day, so an answer needs two codes in a row now: type "
    "the one that your app shows, wait for the next one, and type that behind it. By a way where fewer came, such as "
    "the worker's own terminal (rollback approve), one code is enough."
)


@dataclass(frozen=True)
class Question:
    """What is asked of the approvers of one run."""

    plan_hash: str
    asked: datetime
    """Since when the approvers know; since a sign of life of the Team Lead, once there was one."""
    until: datetime
    """When the decision must have fallen."""
    requested_by: str = ""
    given: Sequence[Approval] = ()
    """Approvals that count already."""
    known: Mapping[str, str] | None = None
    """The approvers' entries when the wait began (roster); None: they are not compared."""


@dataclass(frozen=True)
class Past:
    """What is remembered of an approver, across runs."""

    newest: int = -1
    """Step of the newest code that was accepted."""
    used: frozenset[int] = frozenset()
    """Steps of codes that came in, accepted or not."""
    wrong: int = 0
    """Wrong answers of the source within ``WINDOW``, in anybody's name."""

    @property
    def two_codes(self) -> bool:
        """Whether the source must give two codes in a row."""
        return self.wrong >= LIMIT

    def fresh(self, steps: Sequence[int]) -> bool:
        """Return whether all of these codes are new."""
        return all(step > self.newest and step not in self.used for step in steps)


def check(
    answer: Answer,
    question: Question,
    people: Sequence[Approver],
    past: Past,
    *,
    settings: Settings,
    now: datetime,
    needs_words: bool,
    without_rehearsal: bool = False,
) -> Approver:
    """Return the approver whose answer this is. Raises NotEntitled with the first reason why it does not count."""
    _check_time(question, now)
    who = _known(answer, people)
    _check_code(answer, who, past, now)
    _check_plan(answer, question)
    _check_role(answer, who, question, settings, now)
    _check_person(answer, who, question, settings)
    demands.check(answer, doubtful=needs_words, unrehearsed=without_rehearsal)
    return who


def _check_time(question: Question, now: datetime) -> None:
    if now > question.until:
        raise NotEntitled(f"The answer came too late: it had to come until {figures.moment(question.until)}.")


def _known(answer: Answer, people: Sequence[Approver]) -> Approver:
    who = approvers.find(people, answer.name)
    if who is None:
        raise NotEntitled(f"{_shown(answer.name)} is not an approver.", alarming=True)
    return who


def _check_code(answer: Answer, who: Approver, past: Past, now: datetime) -> None:
    """Raise NotEntitled unless the code is this approver's, of now, and new."""
    digits = _check_shape(answer.code.get_secret_value())
    found = _steps(who, digits, now)
    if past.two_codes and len(digits) == onetime.DIGITS:
        raise NotEntitled(TWO_CODES, alarming=not found)
    if not found:
        raise NotEntitled(f"The code is not {who.name}'s.", alarming=True)
    near = [steps for steps in found if steps[-1] in onetime.near(now)]
    if any(past.fresh(steps) for steps in near):
        return
    if any(not past.fresh(steps) for steps in found):
        raise NotEntitled("This code was used before. Wait for the next one.", alarming=True)
    raise NotEntitled(_clock(min((s[-1] for s in found), key=lambda s: abs(s - onetime.step(now))), now), alarming=True)


def _check_shape(typed: str) -> str:
    """Return the digits of one code, or of two in a row."""
    digits = onetime.digits(typed)
    if digits is None or len(digits) not in (onetime.DIGITS, 2 * onetime.DIGITS):
        raise NotEntitled(
            f"A one-time code has {onetime.DIGITS} digits; {figures.count(len(typed.strip()), 'character')} came."
        )
    return digits


def _steps(who: Approver, digits: str, now: datetime) -> Sequence[tuple[int, ...]]:
    """Return the steps, one or two in a row, in which the approver's app shows these digits."""
    secret, steps = who.secret.get_secret_value(), onetime.around(now)
    if len(digits) == onetime.DIGITS:
        return [(step,) for step in onetime.matches(secret, digits, steps)]
    return onetime.pairs(secret, digits, steps)


def _clock(step: int, now: datetime) -> str:
    """Say by how much the approver's clock is off, or this machine's."""
    off = (step - onetime.step(now)) * onetime.STEP_SECONDS
    minutes = max(1, round(abs(off) / figures.MINUTE))
    return (
        f"The code is right, but of another time: the clock of your device is about "
        f"{figures.count(minutes, 'minute')} {'ahead of' if off > 0 else 'behind'} this machine's. Set it, or this one."
    )


def _check_plan(answer: Answer, question: Question) -> None:
    named = answer.plan.strip().lower()
    if not HEX.fullmatch(named):
        raise NotEntitled("Name the plan: the first 8 digits, or more, of its hash.", proved=True)
    if not question.plan_hash.startswith(named):
        raise NotEntitled(
            f"The answer is for plan {code_text.masked(named[:12])}; this run has plan "
            f"{figures.short(question.plan_hash)}.",
            proved=True,
        )


def _check_role(answer: Answer, who: Approver, question: Question, settings: Settings, now: datetime) -> None:
    if answer.role != who.role:
        raise NotEntitled(f"{who.name} is {who.role}, not {answer.role}.", proved=True)
    if who.role != ON_CALL:
        return
    if any(one.role == LEAD for one in question.given):
        raise NotEntitled("The On-call Engineer counts only when the Team Lead is unreachable.", proved=True)
    if now < on_call_from(question, settings) and not criteria.in_words(answer.lead_unreachable):
        raise NotEntitled(
            f"The On-call Engineer counts from {figures.moment(on_call_from(question, settings))} on, if the Team Lead "
            "is silent until then, or with the reason why the Team Lead cannot be reached.",
            proved=True,
        )


def _check_person(answer: Answer, who: Approver, question: Question, settings: Settings) -> None:
    if answer.decision != "approve":
        return
    if not settings.requester_may_approve and approvers.same(question.requested_by, who.name):
        raise NotEntitled("Who asked for the rollback may not approve it: somebody else must.", proved=True)
    if any(approvers.same(one.name, who.name) for one in question.given):
        raise NotEntitled("The second approval must be another person's.", proved=True)


def on_call_from(question: Question, settings: Settings) -> datetime:
    """Return when the Team Lead will have been silent for long enough."""
    return question.asked + timedelta(minutes=settings.lead_silence_minutes)


def asked(question: Question, settings: Settings, people: Sequence[Approver], now: datetime) -> Sequence[Approver]:
    """Return whose answer counts now: the ladder, with the On-call Engineer on it when the Team Lead is silent."""
    late = now >= on_call_from(question, settings) and all(one.role != LEAD for one in question.given)
    open_to = [one for one in people if one.role != ON_CALL or late]
    return [one for one in open_to if all(not approvers.same(one.name, past.name) for past in question.given)]


def spent(texts: Sequence[str], people: Sequence[Approver], now: datetime) -> dict[str, list[tuple[Approver, int]]]:
    """Return the codes that stand in an answer, wherever, with whose they are and of which steps.

    Prefect keeps an answer in clear text, so a code that came in must never work afterwards, for anybody.
    """
    known = onetime.near_codes([one.secret.get_secret_value() for one in people], now)
    typed = {group.digits for text in texts for group in code_text.windows(text)}
    return {digits: [(people[index], step) for index, step in known[digits]] for digits in typed if digits in known}


def _shown(name: str) -> str:
    """Return a name of anybody's as one short line, without a code."""
    return code_text.masked(" ".join(name.split()))[:80]
