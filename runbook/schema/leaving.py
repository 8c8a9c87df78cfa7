"""What leaves the schema beside rows, said before anything stops: objects that go with a column, and comments."""

from collections.abc import Collection, Iterable, Mapping

from runbook.models import MigrationState, Plan
from runbook.request import RollbackRequest
from runbook.schema import catalogue, naming
from runbook.schema.catalogue import Fact

REPLACED = "table column public.digital_twins.rag_config"
"""The one comment that the transformation wrote over another, whose text only a database or a dump from before has."""


def skipped(asked: Plan | RollbackRequest) -> set[str]:
    """Return the migrations that stay in force by choice."""
    return {number for number, choice in (("012", asked.oauth), ("013", asked.gemini)) if choice == "keep"}


def announced(found: Iterable[Fact], states: Mapping[str, MigrationState], asked: RollbackRequest) -> list[str]:
    """Say what goes beside the rows that the plan counts, a line each kind; what is not there is left out."""
    facts, kept = list(found), skipped(asked) | {number for number, state in states.items() if state == "absent"}
    lines = [
        _along(facts, skipped(asked)),
        _left_over(facts, skipped(asked)),
        _comments(facts, kept),
        "" if "010" in kept else _replaced(facts),
    ]
    return [line for line in lines if line]


def _along(facts: Iterable[Fact], kept: Collection[str]) -> str:
    names = [
        f"{fact.kind} {fact.object}"
        for fact in facts
        if fact.goes and fact.goes not in kept and fact.kind != "comment" and not _by_name(fact)
    ]
    return f"With the columns that are dropped go: {', '.join(names)}." if names else ""


def _left_over(facts: Iterable[Fact], kept: Collection[str]) -> str:
    """Name the types that the scripts drop because a change of a type left them behind."""
    names = [fact.object for fact in facts if fact.kind == "enum" and _by_name(fact) and _migration(fact) not in kept]
    why = "a half-made change of a type leaves such behind; rename what is your team's own"
    return f"Types that no table uses are dropped: {', '.join(names)} ({why})." if names else ""


def _comments(facts: Iterable[Fact], kept: Collection[str]) -> str:
    """Name the comments on what the transformation describes. Who wrote them last, the catalogue does not tell."""
    names = [
        fact.object
        for fact in facts
        if fact.kind == "comment" and (_by_name(fact) or fact.goes) and (_migration(fact) or fact.goes) not in kept
    ]
    why = "the transformation set them; a text of your team's on one of these goes too, and stands in the run's journal"
    return f"Comments are removed from {', '.join(names)}: {why}." if names else ""


def _replaced(facts: Iterable[Fact]) -> str:
    text = next((fact.definition for fact in facts if naming.translate(fact.object) == REPLACED), "")
    said = "was replaced by 010, and the old text is known only to a database or a dump from before; it stays"
    return f'The comment on column digital_twins.rag_config {said}: "{text}".' if text else ""


def _by_name(fact: Fact) -> bool:
    return bool(_migration(fact))


def _migration(fact: Fact) -> str:
    return catalogue.removed().get((fact.kind, naming.translate(fact.object)), "")
