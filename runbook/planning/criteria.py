"""The criteria: the procedure's decision triggers and its "Do NOT rollback" list, held against a request."""

from collections.abc import Mapping

from runbook.outlook import Verdict
from runbook.request import FIXABLE_MINUTES, Counter, RollbackRequest, Trigger

MINOR = 25.0
"""Percent; the procedure says do NOT roll back below it, so exactly 25 is not below."""
MAJOR = 50.0
"""Percent; the procedure says roll back above it, so exactly 50 is not above."""
LETTERS = 10
"""How many letters and figures an explanation in words has at least; "ok" explains nothing."""

SLOW: Trigger = "performance degradation"
STUCK: Trigger = "cannot be fixed within 30 minutes"

FOR: Mapping[Trigger, str] = {
    "critical functionality broken: auth": "critical functionality is broken (auth)",
    "critical functionality broken: KB creation": "critical functionality is broken (KB creation)",
    "critical functionality broken: chat": "critical functionality is broken (chat)",
    "data corruption": "data corruption detected",
    "security vulnerability": "security vulnerability discovered",
    STUCK: "migration cannot be fixed within 30 minutes",
}
"""The triggers in the procedure's words; that of performance depends on its figure."""
AGAINST: Mapping[Counter, str] = {
    "minor bug, hotfix possible": "minor bugs that can be hotfixed",
    "UI only": "UI issues that don't affect core functionality",
    "fixable by forward migration": "issues can be fixed with forward migration",
}
"""What speaks against, in the procedure's words."""


def judge(request: RollbackRequest) -> Verdict:
    """Judge by the procedure whether what the request names justifies a rollback."""
    holds, against = _holds(request), _against(request)
    if holds and against:
        reason = f"Contradictory: for a rollback, {'; '.join(holds)}; against it, {'; '.join(against)}."
        return Verdict("doubtful", reason)
    if holds:
        return Verdict("justified", f"The procedure says rollback: {'; '.join(holds)}.")
    if against:
        return Verdict("not justified", f"The procedure says do NOT rollback: {'; '.join(against)}.")
    if request.degradation_percent is not None:
        said = f"Performance degradation is {_percent(request.degradation_percent)}"
        return Verdict("doubtful", f"{said}, between the procedure's <25% (do NOT rollback) and >50% (rollback).")
    return Verdict("not justified", "The procedure says only rollback on one of its triggers, and none is named.")


def _holds(request: RollbackRequest) -> list[str]:
    """Return the triggers that hold, in the procedure's words."""
    slow = request.degradation_percent
    holds = [words for trigger, words in FOR.items() if trigger in request.triggers]
    return holds + ([f"performance degradation >50% from baseline ({_percent(slow)})"] if slow and slow > MAJOR else [])


def _against(request: RollbackRequest) -> list[str]:
    """Return what speaks against a rollback, in the procedure's words."""
    slow, fix = request.degradation_percent, request.fix_forward_minutes
    against = [words for counter, words in AGAINST.items() if counter in request.against]
    if slow is not None and slow < MINOR:
        against.append(f"performance degradation <25% ({_percent(slow)})")
    if STUCK in request.triggers and fix is not None and fix <= FIXABLE_MINUTES:
        against.append(f"fixing it forward is said to take {fix} min")
    return against


def _percent(value: float) -> str:
    """Write a percentage with all its figures: 24.999 is not 25."""
    return f"{value!r}".removesuffix(".0") + " %"


def needs_words(verdict: Verdict) -> bool:
    """Tell whether an approver must say in words why the rollback is right all the same."""
    return verdict.word != "justified"


def in_words(text: str) -> bool:
    """Tell whether ``text`` says something: at least LETTERS letters or figures."""
    return sum(map(str.isalnum, text)) >= LETTERS
