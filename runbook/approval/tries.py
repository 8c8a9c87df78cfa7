"""Answers to a run that waits: judged by the rules, and written down whether or not they count."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from runbook import database
from runbook.approval import approvers, authority, onetime, roster
from runbook.approval.answer import Answer
from runbook.approval.approvers import Approver
from runbook.approval.authority import Past, Question
from runbook.errors import NotEntitled, RollbackError
from runbook.models import Plan, Try
from runbook.planning import criteria, rehearsed
from runbook.runs import Run

HIDDEN = "(code)"
WORDS = ("plan", "comment", "lead_unreachable", "without_rehearsal")
"""Fields of an answer that may be empty."""


def judge(run: Run, question: Question, answer: Answer, door: str, now: datetime, *, plan: Plan) -> Approver:
    """Return the approver whose answer counts. Raises NotEntitled; the try is written down in either case.

    Every code that stands in the answer is used up, also when the answer does not count.
    """
    people, refusal = _people(run)
    refusal = refusal or roster.check(question.known, people, answer.name)
    who = approvers.find(people, answer.name)
    with database.transaction(run.side):
        past = remembered(run, who, now) if who else Past()
        try:
            if refusal is None:
                authority.check(
                    answer,
                    question,
                    people,
                    past,
                    settings=run.settings,
                    now=now,
                    needs_words=criteria.needs_words(plan.verdict),
                    without_rehearsal=rehearsed.lacking(plan),
                )
        except NotEntitled as error:
            refusal = error
        codes = _use_up(run, people, answer, now, proved=refusal is None or refusal.proved)
        _slow(run, who, past, refusal, now)
        if refusal:
            refusal.problem = _masked(refusal.problem, codes)
        said = {name: _masked(text, codes) for name, text in _fields(answer).items()}
        _write(run, door, now, said, refusal.problem if refusal else "")
    if refusal or who is None:
        raise refusal or NotEntitled("Nobody answered.")
    return who


def _people(run: Run) -> tuple[Sequence[Approver], NotEntitled | None]:
    """Return the approvers as they are now; where they cannot be read, nobody's answer counts until they can."""
    try:
        return approvers.read(run.settings), None
    except RollbackError as error:
        return [], NotEntitled(f"No answer can be checked: {error.problem}", error.remedy)


def remembered(run: Run, who: Approver, now: datetime) -> Past:
    """Return what is remembered of an approver, from all runs."""
    row = database.query(run.side, "journal_approver_past", approver=_key(who), since=onetime.around(now).start)[0]
    return Past(row["newest"], frozenset(row["used"]), row["wrong"], row["slowed_until"])


def read(run: Run) -> list[Try]:
    """Return all answers to a run, in their order."""
    return [Try(**row) for row in database.query(run.side, "journal_tries", run=run.id)]


def unusable(run: Run, door: str, now: datetime, why: str) -> None:
    """Write down an answer that did not even fit the form: who gave it is not known."""
    said = dict.fromkeys(("name", "role", "decision"), "not said")
    _write(run, door, now, {**said, **dict.fromkeys(WORDS, "")}, why)


def _key(who: Approver) -> str:
    return who.name.casefold()


def _use_up(run: Run, people: Sequence[Approver], answer: Answer, now: datetime, *, proved: bool) -> list[str]:
    """Mark every approver's code in the answer as used, and return what must not be written down."""
    typed = answer.code.get_secret_value().strip()
    found = authority.spent([typed, *_fields(answer).values()], people, now)
    for name, step in [(name, step) for whose in found.values() for name, steps in whose.items() for step in steps]:
        good = proved and approvers.same(name, answer.name) and step in onetime.near(now)
        database.query(run.side, "journal_approver_used", approver=name.casefold(), step=step, now=now, accepted=good)
    return [*found, *([typed] if len(typed) >= onetime.DIGITS else [])]


def _slow(run: Run, who: Approver | None, past: Past, refusal: NotEntitled | None, now: datetime) -> None:
    """Let the next answer in this name wait longer after a wrong one; a right one ends that."""
    if who is None or (refusal and not refusal.guess and not refusal.proved):
        return
    wrong = past.wrong + 1 if refusal and refusal.guess else 0
    until = now + timedelta(seconds=authority.slow_seconds(wrong)) if wrong else now
    database.query(run.side, "journal_approver_slowed", approver=_key(who), wrong=wrong, until=until)


def _write(run: Run, door: str, now: datetime, said: Mapping[str, str], why: str) -> None:
    database.query(run.side, "journal_try", run=run.id, came=now, door=door, accepted=not why, why=why, **said)


def _fields(answer: Answer) -> dict[str, str]:
    """Return what is recorded of an answer; its code is not."""
    return {
        "name": answer.name,
        "role": answer.role,
        "decision": answer.decision,
        "plan": answer.plan,
        "comment": answer.comment,
        "lead_unreachable": answer.lead_unreachable,
        "without_rehearsal": answer.without_rehearsal,
    }


def _masked(text: str, codes: Sequence[str]) -> str:
    """Hide codes in a text, also when they are written with spaces."""
    for code in codes:
        text = re.sub(r"\s*".join(map(re.escape, "".join(code.split()))), HIDDEN, text)
    return text
