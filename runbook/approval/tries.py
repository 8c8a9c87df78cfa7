"""Answers to a run that waits: judged by the rules, and written down whether or not they count."""

import logging
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from runbook import database, figures, store
from runbook.approval import approvers, authority, code_store, code_text, onetime, roster
from runbook.approval.answer import Answer
from runbook.approval.approvers import Approver
from runbook.approval.authority import Past, Question
from runbook.errors import NotEntitled, RollbackError
from runbook.models import Plan, Try
from runbook.planning import criteria, rehearsed
from runbook.runs import Run
from runbook.settings import Settings

Codes = Mapping[str, Sequence[tuple[Approver, int]]]
"""Codes in an answer, each with whose it is and of which step."""

log = logging.getLogger(__name__)

PREFECT, TERMINAL = "Prefect", "the worker's terminal"
"""The sources of answers. All that comes through Prefect is one: its API tells nobody apart."""
WORDS = ("plan", "comment", "lead_unreachable", "without_rehearsal")
"""Fields of an answer that may be empty."""
DOUBT_SECONDS = 120
"""How long no code counts at Prefect after somebody tampered there, or ended a run that waited: each code that they may
have read is over by then."""
LONGEST = 100_000
"""How many characters of an answer that does not fit the form are searched for codes."""


@dataclass(frozen=True)
class Case:
    """An answer that is judged: to what, when, and where it came from."""

    run: Run
    question: Question
    answer: Answer
    now: datetime
    plan: Plan
    source: str


@dataclass(frozen=True)
class Judged:
    """What became of an answer: why it does not count, whom it names, and the codes that it held."""

    refusal: NotEntitled | None
    who: Approver | None = None
    codes: Collection[str] = ()


def judge(
    run: Run, question: Question, answer: Answer, door: str, now: datetime, *, plan: Plan, own: bool = False
) -> Answer:
    """Return the answer that counts, with no code left in it. Raises NotEntitled; the try is written down either way.

    ``own``: it came through the worker's own terminal, as the run itself knows. Every code that stands in the answer
    is used up, also when the answer does not count. Where the worker's store cannot be used, no answer counts.
    """
    judged = _judged(Case(run, question, answer, now, plan, TERMINAL if own else PREFECT))
    clean = _clean(answer, question, judged)
    if judged.refusal:
        judged.refusal.problem = code_text.hidden(judged.refusal.problem, judged.codes)
    _write(run, door, now, _fields(clean), judged.refusal.problem if judged.refusal else "")
    if judged.refusal:
        raise judged.refusal
    return clean


def _judged(case: Case) -> Judged:
    """Judge an answer and mark its codes, in one transaction of the store."""
    try:
        everybody = approvers.everybody(case.run.settings)
        _take_over(case.run, everybody, case.now)
        with store.transaction(case.run.settings) as kept:
            return _in_store(case, everybody, kept)
    except RollbackError as error:
        return Judged(NotEntitled(f"No answer can be checked: {error.problem}", error.remedy))


def _in_store(case: Case, everybody: Sequence[Approver], kept: sqlite3.Connection) -> Judged:
    people = approvers.of_target(everybody, case.run.settings)
    who = approvers.find(people, case.answer.name)
    past = code_store.past(kept, who.fingerprint if who else "", case.source, case.now)
    refusal = roster.check(case.question.known, people, case.answer.name) or _refusal(case, people, past)
    texts = [case.answer.code.get_secret_value(), *_fields(case.answer).values()]
    codes = authority.spent(texts, everybody, case.now)
    _use_up(kept, codes, who if refusal is None or refusal.proved else None, case.now)
    if refusal and (refusal.alarming or (not refusal.proved and _strays(case, who, codes))):
        _count(kept, refusal, case.source, case.now)
    return Judged(refusal, who, codes)


def _refusal(case: Case, people: Sequence[Approver], past: Past) -> NotEntitled | None:
    """Return why an answer does not count by the rules; None: it does."""
    try:
        authority.check(
            case.answer,
            case.question,
            people,
            past,
            settings=case.run.settings,
            now=case.now,
            needs_words=criteria.needs_words(case.plan.verdict),
            without_rehearsal=rehearsed.lacking(case.plan),
        )
    except NotEntitled as refusal:
        return refusal
    return None


def unusable(run: Run, door: str, now: datetime, why: str, given: object = None, *, own: bool = False) -> NotEntitled:
    """Write down an answer that did not even fit the form, and return why it does not count.

    Who gave it is not known. ``given``: what came, of any shape; the codes in it are used up.
    """
    texts, refusal = list(_texts(given)), NotEntitled(code_text.masked(why), alarming=True)
    try:
        everybody = approvers.everybody(run.settings)
        with store.transaction(run.settings) as kept:
            codes = authority.spent(texts, everybody, now)
            _use_up(kept, codes, None, now)
            refusal.problem = code_text.hidden(refusal.problem, codes)
            _count(kept, refusal, TERMINAL if own else PREFECT, now)
    except RollbackError as error:
        log.error("The codes in an answer could not be marked as used: %s", error.problem)
    said = dict.fromkeys(("name", "role", "decision"), "not said")
    _write(run, door, now, {**said, **dict.fromkeys(WORDS, "")}, refusal.problem)
    return refusal


def demand(settings: Settings, now: datetime) -> str:
    """Say what else an answer through Prefect needs now: time, two codes, or a store that works. Empty: nothing."""
    try:
        with store.transaction(settings) as kept:
            wrong, until = code_store.wrong_answers(kept, PREFECT, now), code_store.doubted(kept, PREFECT)
    except RollbackError as error:
        return f"No answer counts now. {error.problem} {error.remedy}"
    wait = closed(until) if until and now < until else ""
    return " ".join(filter(None, [wait, authority.TWO_CODES if wrong >= authority.LIMIT else ""]))


def closed(until: datetime) -> str:
    """Say until when no code counts that comes through Prefect."""
    return f"No answer counts at Prefect until {figures.moment(until)}; one in a terminal of the worker's host does."


def doubt(settings: Settings, now: datetime) -> datetime:
    """Let no code count that comes through Prefect, in any run, until each that may have been read is over.

    Returns until when. Where the store cannot be used, no answer counts anyway.
    """
    until = now + timedelta(seconds=DOUBT_SECONDS)
    try:
        with store.transaction(settings) as kept:
            code_store.doubt(kept, PREFECT, until)
    except RollbackError as error:
        log.error("That codes at Prefect do not count for a while is not in the worker's store: %s", error.problem)
    return until


def doubted(settings: Settings, now: datetime) -> datetime | None:
    """Return until when no code counts that comes through Prefect; None: it does. Raises SettingsInvalid."""
    with store.transaction(settings) as kept:
        until = code_store.doubted(kept, PREFECT)
    return until if until and now < until else None


def read(run: Run) -> list[Try]:
    """Return all answers to a run, in their order."""
    return [Try(**row) for row in database.query(run.side, "journal_tries", run=run.id)]


def _take_over(run: Run, people: Sequence[Approver], now: datetime) -> None:
    """Remember the codes of now that a journal of an earlier version has as used: once, and to refuse more only."""
    name = f"{run.identity.system_identifier}/{run.identity.oid}"
    with store.transaction(run.settings) as kept:
        if code_store.imported(kept, name):
            return
    rows = _journal_codes(run, now)
    codes = [
        (one.fingerprint, row["step"], bool(row["accepted"]))
        for row in rows
        for one in people
        if one.name.casefold() == row["approver"]
    ]
    with store.transaction(run.settings) as kept:
        code_store.take_over(kept, name, codes, now)


def _journal_codes(run: Run, now: datetime) -> list[database.Row]:
    """Return the codes of now that this database's journal has; none where an earlier version did not make its table.

    Somebody else's table is not read: reading can run what its owner put there.
    """
    near = onetime.near(now)
    if not database.query(run.side, "journal_used_codes_exist")[0]["found"]:
        return []
    return database.query(run.side, "journal_used_codes", since=near[0], until=near[-1])


def _use_up(kept: sqlite3.Connection, codes: Codes, proved: Approver | None, now: datetime) -> None:
    """Mark codes as used, whoever's they are; those of now that ``proved`` who answered, as accepted."""
    for one, step in [owned for owners in codes.values() for owned in owners]:
        code_store.use(kept, one.fingerprint, step, now, accepted=one is proved and step in onetime.near(now))


def _strays(case: Case, who: Approver | None, codes: Codes) -> bool:
    """Return whether a code that is not this person's stands anywhere but where one belongs."""
    answer = case.answer
    texts = [text for name, text in _fields(answer).items() if name != "plan" or not _names(text, case.question)]
    typed = answer.code.get_secret_value()
    texts += [typed] if onetime.digits(typed) is None else []
    groups = {group.digits for text in texts for group in code_text.shaped(text)}
    return any(all(one is not who for one, _ in codes.get(digits, ())) for digits in groups)


def _count(kept: sqlite3.Connection, refusal: NotEntitled, source: str, now: datetime) -> None:
    """Count a wrong answer of its source; the one that reaches the limit says what is demanded from now on."""
    refusal.alarming = code_store.add_wrong(kept, source, now)
    wrong = code_store.wrong_answers(kept, source, now)
    if wrong >= authority.LIMIT and authority.TWO_CODES not in refusal.problem:
        refusal.problem += f" {authority.TWO_CODES}"


def _write(run: Run, door: str, now: datetime, said: Mapping[str, str], why: str) -> None:
    """Write a try down, as text that PostgreSQL can keep."""
    words = {name: _storable(text) for name, text in {**said, "why": why, "door": code_text.masked(door)}.items()}
    database.query(run.side, "journal_try", run=run.id, came=now, accepted=not why, **words)


def _storable(text: str) -> str:
    """Show what PostgreSQL's text cannot hold: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "␀").encode("utf-8", "replace").decode()


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


def _clean(answer: Answer, question: Question, judged: Judged) -> Answer:
    """Return an answer with all codes taken out, right or wrong; an approver's name and this very plan's stay."""
    known = {"name"} if judged.who else set()
    known |= {"plan"} if _names(answer.plan, question) else set()
    masked = {
        name: text if name in known else code_text.masked(text, judged.codes) for name, text in _fields(answer).items()
    }
    return answer.model_copy(update={**masked, "code": SecretStr("")})


def _names(plan: str, question: Question) -> bool:
    return bool(plan.strip()) and question.plan_hash.startswith(plan.strip().lower())


def _texts(given: object) -> Iterator[str]:
    """Return all texts and numbers of a JSON value, keys included, up to ``LONGEST`` characters of them."""
    left, waiting = LONGEST, [given]
    while waiting and left > 0:
        value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value
        elif value is not None:
            text = str(value).rjust(onetime.DIGITS, "0") if isinstance(value, int) else str(value)
            yield text[:left]
            left -= len(text[:left])
