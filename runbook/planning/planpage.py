"""The plan as a page that an approver reads in a minute."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from runbook import figures, page, printable
from runbook.barrier import poolers
from runbook.models import Plan, Script
from runbook.page import Block, Bullets, Code, Page, Section, Table
from runbook.planning import choices, criteria, forecastpage, lockpage, planorder, rehearsed, sessionpage, triggers
from runbook.planning.trial import trial
from runbook.request import RollbackRequest, deadline

STATES: Mapping[str, str] = {"applied": "applied", "partial": "half applied", "absent": "not applied"}


def plan_markdown(plan: Plan, request: RollbackRequest, now: datetime, minutes: int = 30) -> str:
    """Write the plan as Markdown; ``minutes`` is the decision window."""
    return page.markdown(plan_page(plan, request, now, minutes))


def plan_page(plan: Plan, request: RollbackRequest, now: datetime, minutes: int = 30) -> Page:
    """Lay the plan out: verdict first, then what is decided upon, then details."""
    sections = [
        _section("Blocked because", plan.blockers),
        _section("Proposed before, in the last day", plan.proposals),
        _section("Warnings", [*_hazards(plan), *poolers.warnings(plan.sessions), *plan.warnings]),
        Section("What will happen, in this order", [Bullets(planorder.steps(plan), numbered=plan.needed)]),
        Section("What it costs, and what else could be done", forecastpage.ways(plan)),
        Section("Backup", forecastpage.backup(plan)),
        Section("Users", _users(plan)),
        Section("Rows", _rows(plan)),
        Section("What the team's own triggers and rules do", _fires(plan)),
        Section("Connected now", sessionpage.sessions(plan)),
        Section("Time and size", forecastpage.figured(plan)),
        Section("Scripts", [f"Found: {found(plan)}.", _scripts(plan.scripts)]),
        Section("Locks", lockpage.planned(plan)),
    ]
    return Page(verdict(plan), _lead(plan, request, now, minutes), [s for s in sections if s.blocks])


def verdict(plan: Plan) -> str:
    """Say in one line whether the rollback can go ahead."""
    if plan.taken_up:
        return f"Committed before: {plan.identity.database} is rolled back; this {plan.taken_up}"
    if not plan.needed:
        left = " but for what you chose to keep" if set(plan.migrations.values()) - {"absent"} else ""
        return f"Nothing to roll back: {plan.identity.database} is at its baseline{left}"
    if plan.verdict.word == "not justified":
        return f"Not justified: {plan.verdict.reason}"
    if plan.blockers:
        more = f" (and {len(plan.blockers) - 1} more)" if len(plan.blockers) > 1 else ""
        return f"Blocked: {plan.blockers[0]}{more}"
    return f"Can go ahead: {plan.identity.database} goes back to the schema before the transformation"


def gist(plan: Plan) -> list[str]:
    """Say the plan in a few lines: whether it can go ahead, what is lost, how long it takes."""
    forecast = forecastpage.sentence(plan).partition(";")[0]
    said = [f"{verdict(plan)}.", f"What is lost: {choices.lost(plan)}.", f"Forecast: {forecast}."]
    return [printable.unmarked(printable.line(one)) for one in said]  # shown as it is, and by some UIs as Markdown


def _lead(plan: Plan, request: RollbackRequest, now: datetime, minutes: int) -> list[Block]:
    facts = [
        ("Incident", f"{request.incident}: {request.reason}"),
        ("Requested by", request.requested_by.strip() or "nobody named"),
        ("Time to decide", time_left(request, now, minutes)),
        ("Database", _database(plan)),
        ("Release that comes back", _release(plan)),
        ("OAuth users", f"'{plan.oauth}' was chosen"),
        ("Plan", Code(figures.short(plan.hash)) if plan.hash else "not hashed"),
        *([("Made of", _made_of(plan))] if plan.made_of else []),
        ("Drawn at", figures.moment(plan.drawn_at)),
    ]
    sentences = [
        f"Criteria: {_criteria(plan)}",
        f"What is lost: {choices.lost(plan)}.",
        f"Forecast: {forecastpage.sentence(plan)}.",
        *([f"Trial: {trial.sentence(plan.trial)}."] if plan.trial else []),
        *([f"Rehearsal: {rehearsed.sentence(plan)}"] if plan.rehearsal else []),
    ]
    return [Bullets(sentences), Table(("", ""), facts)]


def _criteria(plan: Plan) -> str:
    ask = " The approver must say why in words." if criteria.needs_words(plan.verdict) else ""
    return f"{plan.verdict.word}. {plan.verdict.reason}{ask}"


def time_left(request: RollbackRequest, now: datetime, minutes: int) -> str:
    """Say how long there is to decide, or for how long it is too late."""
    end = deadline(request, minutes)
    left = (end - now).total_seconds()
    if left <= 0:
        return f"over since {figures.moment(end)}: {minutes} minutes after the incident was identified"
    if left < figures.MINUTE:
        return f"{left:.0f} s left, until {figures.moment(end)}"
    return f"{left // figures.MINUTE:.0f} min left, until {figures.moment(end)}"


def _database(plan: Plan) -> str:
    known = plan.identity
    return (
        f"{known.database} on PostgreSQL {known.major}, system identifier {known.system_identifier}, "
        f"{figures.size(plan.database_bytes)}"
    )


def _made_of(plan: Plan) -> str:
    """Name the digests of what runs besides the scripts, as far as two of them must be told apart."""
    said = [(name, *digest.rpartition(" ")) for name, digest in plan.made_of.items()]
    return ", ".join(f"{name} {label}{gap}{figures.short(digest)}" for name, label, gap, digest in said)


def _release(plan: Plan) -> str:
    if plan.release is None:
        return "none: the runbook does not manage the application here; deploy the previous release by hand"
    return f"{plan.release.tag} ({plan.release.commit[:10]}); running now: {plan.release.current}"


def _section(title: str, lines: Sequence[str]) -> Section:
    return Section(title, [Bullets(lines)] if lines else [])


def _hazards(plan: Plan) -> list[str]:
    """Say what follows from the choices themselves (roles and tokens)."""
    if not choices.touched(plan):
        return []
    if plan.oauth == "keep":
        return [
            "012 is skipped: knowledge base owners keep the role kb_owner. The old release requires professional and "
            "refuses them until their role is set by hand."
        ]
    return [
        "Sessions issued by the new release carry the role kb_owner until the next login: owners are refused until "
        "they log in again."
    ]


def _users(plan: Plan) -> list[Block]:
    rows = [(kind, f"{count:,}", choices.effect(plan.oauth, kind)) for kind, count in plan.users.items()]
    if not choices.touched(plan):
        return ["012 is not applied: no user is touched."]
    table = Table(("kind", "users", f"what '{plan.oauth}' does to them"), rows, right=(1,))
    blocks: list[Block] = [table, "The other choices:", Bullets(choices.others(plan))]
    if plan.oauth == "delete":
        blocks += ["Rows that deleting these users takes along:", _counts("table", plan.cascade)]
    if staying := {name: rows for name, rows in plan.unlinked.items() if rows}:
        blocks += ["Rows that stay and lose their link to a deleted one:", _counts("foreign key", staying)]
    return blocks


def _rows(plan: Plan) -> list[Block]:
    rows = [(what, f"{n:,}", "leaves its table; kept in backup and archive") for what, n in plan.removed.items()]
    rows += [
        (what, f"{n:,}", "gets a placeholder, since the column must not be empty")
        for what, n in plan.placeholders.items()
    ]
    rows += [(what, f"{n:,}", "forbids deleting OAuth users") for what, n in plan.blocking.items()]
    rows += [(what, f"{n:,}", "rows of it stay") for what, n in plan.kept.items()]
    if plan.gemini:
        rows += [
            ("llm_provider gemini (013)", "", "kept" if plan.gemini == "keep" else "rows move to openai; label removed")
        ]
    return [Table(("what", "rows", "what becomes of it"), rows, right=(1,))] if rows else ["No row loses a value."]


def _fires(plan: Plan) -> list[Block]:
    if not plan.fires:
        return []
    said = (
        "These fire on what the transaction does. The rows that they write are accepted and counted in the report; "
        "what their text does not name may be inserted, and neither updated nor deleted."
    )
    return [said, Bullets(triggers.lines(plan.fires))]


def _counts(name: str, counts: Mapping[str, int]) -> Block:
    rows = [(what, f"{count:,}") for what, count in counts.items()]
    return Table((name, "rows"), rows, right=(1,)) if rows else "none"


def _scripts(scripts: Sequence[Script]) -> Block:
    rows = [
        (s.migration, s.action, Code(s.name.rpartition("/")[2]), Code(figures.short(s.sha256)), s.why) for s in scripts
    ]
    return Table(("migration", "action", "file", "SHA-256", "why"), rows) if rows else "No scripts."


def found(plan: Plan) -> str:
    """Say which migrations were found, and in what state."""
    return ", ".join(f"{name} {STATES[state]}" for name, state in sorted(plan.migrations.items()))
