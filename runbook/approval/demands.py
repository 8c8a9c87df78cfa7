"""What an approval must say in words, where the plan is not all that the procedure wants."""

from runbook.approval.answer import Answer
from runbook.errors import NotEntitled
from runbook.planning import criteria

WORDS = f"in at least {criteria.LETTERS} letters"
DOUBTFUL = f"This case is doubtful: say in the comment why it is rolled back all the same, {WORDS}."
UNREHEARSED = f"These scripts have no fresh rehearsal: say in without_rehearsal why it goes without, {WORDS}."


def check(answer: Answer, *, doubtful: bool, unrehearsed: bool) -> None:
    """Raise NotEntitled with all that an approval must still say; who declines owes no reason."""
    if answer.decision != "approve":
        return
    missing = [DOUBTFUL] if doubtful and not criteria.in_words(answer.comment) else []
    missing += [UNREHEARSED] if unrehearsed and not criteria.in_words(answer.without_rehearsal) else []
    if missing:
        raise NotEntitled(" ".join(missing), proved=True)
