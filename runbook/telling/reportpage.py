"""The report of a run as a page: what happened, to which database, when, and how long users were offline."""

from collections.abc import Sequence

from runbook import figures
from runbook.models import Check, Plan
from runbook.page import Block, Bullets, Code, Link, Page, Picture, Section, Table
from runbook.planning import choices, forecastpage, lockpage, rehearsed, triggers
from runbook.planning.planpage import found
from runbook.safekeeping import wayback
from runbook.schema import changes
from runbook.telling import drawing, timeline
from runbook.telling.followups import actions
from runbook.telling.summary import Summary, outage, outage_words

ARCHIVE = ("rollback.archived_users", "rollback.archived_knowledge_bases")
"""Tables in which the rollback keeps, beside the data, what leaves its place."""


def report_page(summary: Summary) -> Page:
    """Lay the report out. What a run never came to is left out."""
    plan = summary.plan
    sections = [
        Section("Checks that do not match", checks(summary.missed) if summary.missed else []),
        Section("Open warnings", [Bullets(plan.warnings)] if plan and plan.warnings else []),
        Section("After the rollback", [actions(summary)] if summary.changed else []),
        Section("Timeline", _timeline(summary)),
        Section("Approval", [approval(summary), *_tries(summary)]),
        Section("Plan", [_plan(plan)] if plan else []),
        Section("OAuth users", _users(plan) if plan and summary.changed else []),
        Section("Rows, as the plan counted them", [_rows(plan)] if plan and summary.changed else []),
        Section("Rows, as PostgreSQL counted them", _counted(summary)),
        Section("Scripts", [_scripts(plan)] if plan else []),
        Section("Locks", lockpage.report(summary)),
        Section("Verification", checks(summary.checks) if summary.checks else []),
        Section("Backup: the way back to the data before the rollback", wayback.section(summary)),
        Section("Archive in the database", _archive(summary)),
    ]
    return Page(verdict(summary), _lead(summary), [s for s in sections if s.blocks])


def verdict(summary: Summary) -> str:
    """Say in one line what happened, to which database, when, and how long users were offline."""
    where = f"{summary.database} ({summary.target}), {figures.moment(summary.ended)}"
    return f"{_what(summary)}: {where}; {outage_words(summary)}"


def _what(summary: Summary) -> str:
    """Name the outcome; done is only clean when every check matched."""
    match summary.outcome:
        case "done" if summary.plan and not summary.changed:
            return "Nothing to roll back"
        case "done" if summary.missed:
            return f"Rolled back, but {figures.count(len(summary.missed), 'check')} did not match"
        case "done":
            return "Rolled back"
        case "failed":
            after = ", after the commit: the schema is rolled back" if summary.changed else ""
            return f"FAILED {_where(summary)}{after}"
        case other:
            return other.capitalize()


def _where(summary: Summary) -> str:
    """Name the last step that failed; a run that is ended between two steps has none."""
    failed = next((step.name for step in reversed(summary.steps) if step.outcome == "failed"), None)
    if failed:
        return f"at step '{failed}'"
    return f"after step '{summary.steps[-1].name}'" if summary.steps else "before the first step"


def _lead(summary: Summary) -> list[Block]:
    rows = [
        ("State", summary.state),
        ("Next", summary.next),
        ("Problem", summary.problem),
        ("Incident", f"{summary.request.incident}: {summary.request.reason}"),
        ("Identified at", figures.moment(summary.request.identified_at)),
        ("Requested by", summary.request.requested_by.strip() or "nobody named"),
        ("Run", f"{figures.moment(summary.began)} to {figures.moment(summary.ended)}"),
    ]
    links = [("The run's page", summary.page), ("This report in Prefect's UI", summary.report_page)]
    return [Table(("", ""), [row for row in rows if row[1]]), *(Link(*one) for one in links if one[1])]


def _timeline(summary: Summary) -> list[Block]:
    bars, svg = timeline.picture(summary.steps, outage(summary)), drawing.drawn(summary)
    shown: list[Block] = []
    if svg:
        shown = [Picture(f"The steps against time; {outage_words(summary)}.", f"report-{summary.stamp}.svg", svg, bars)]
    return [*shown, timeline.table(summary.steps)] if summary.steps else []


def approval(summary: Summary) -> str:
    """Say who decided what, and when."""
    given = summary.approval
    if given is None:
        return "No answer of an approver is recorded."
    at = f" at {figures.moment(summary.approved_at)}" if summary.approved_at else ""
    said = f' Said: "{given.comment}"' if given.comment else ""
    why = f' Without a fresh rehearsal because: "{given.without_rehearsal}"' if given.without_rehearsal else ""
    return f"{given.name} ({given.role}) chose '{given.decision}'{at}.{said}{why}"


def _tries(summary: Summary) -> list[Block]:
    """List every answer that came, and why some did not count."""
    rows = [
        (
            figures.moment(one.came),
            f"{one.name} ({one.role})",
            one.door,
            Code(figures.short(one.plan)),
            one.decision if one.accepted else f"{one.decision}: refused. {one.why}",
            "; ".join(
                filter(
                    None,
                    [
                        one.comment,
                        one.lead_unreachable and f"Lead unreachable: {one.lead_unreachable}",
                        one.without_rehearsal and f"Without a fresh rehearsal: {one.without_rehearsal}",
                    ],
                )
            ),
        )
        for one in summary.tries
    ]
    return [Table(("came", "who", "by", "plan", "answer", "said"), rows)] if rows else []


def _plan(plan: Plan) -> Block:
    known = plan.identity
    rows = [
        ("Plan", Code(plan.hash or "not hashed")),
        ("Goes on", plan.taken_up),
        *((f"SHA-256 of {name}", Code(digest)) for name, digest in plan.made_of.items()),
        ("Drawn at", figures.moment(plan.drawn_at)),
        ("Criteria", f"{plan.verdict.word}. {plan.verdict.reason}"),
        ("Forecast", forecastpage.sentence(plan)),
        ("Rehearsal", rehearsed.sentence(plan)),
        ("Database", f"{known.database}, PostgreSQL {known.major}, system identifier {known.system_identifier}"),
        ("Size", figures.size(plan.database_bytes)),
        ("Found", found(plan)),
        ("Backup", f"{plan.backup.method}: {plan.backup.why}"),
        ("OAuth users", plan.oauth),
        ("Label gemini", plan.gemini),
        ("Services", ", ".join(plan.services) or "none managed here"),
        ("Release", f"{plan.release.tag} ({plan.release.commit})" if plan.release else "none managed here"),
        ("Release before", plan.release.current if plan.release else ""),
    ]
    return Table(("", ""), [row for row in rows if row[1]])


def _users(plan: Plan) -> list[Block]:
    """Say what users must do, then what became of each kind."""
    if not choices.touched(plan):
        return [choices.needs(plan)]
    rows = [(kind, f"{count:,}", choices.effect(plan.oauth, kind)) for kind, count in plan.users.items()]
    return [choices.needs(plan), Table(("kind", "users", f"what '{plan.oauth}' did to them"), rows, right=(1,))]


def _rows(plan: Plan) -> Block:
    """List what the rollback took away, filled in, or left, with the plan's counts."""
    rows = [(what, f"{n:,}", "left its table; in backup and archive") for what, n in plan.removed.items()]
    rows += [(what, f"{n:,}", "got a placeholder") for what, n in plan.placeholders.items()]
    if plan.oauth == "delete":
        rows += [
            (f"{what} (with deleted users)", f"{n:,}", "deleted; in the backup") for what, n in plan.cascade.items()
        ]
        rows += [
            (what, f"{n:,}", "stayed; their link to a deleted row is gone") for what, n in plan.unlinked.items() if n
        ]
    return Table(("what", "rows", "what became of it"), rows, right=(1,)) if rows else "No row lost a value."


def _counted(summary: Summary) -> list[Block]:
    """List what the transaction did to rows, table by table, and what of the team's fired on it."""
    if not summary.changed:
        return []
    rows = [
        [f"{one:,}" if isinstance(one, int) else str(one) for one in row.values()]
        for row in changes.listed(summary.steps)
    ]
    fired = [Bullets(triggers.lines(summary.plan.fires))] if summary.plan and summary.plan.fires else []
    return [Table(("table", "inserted", "updated", "deleted"), rows, right=(1, 2, 3)), *fired] if rows else []


def _scripts(plan: Plan) -> Block:
    rows = [(s.migration, s.action, Code(f"sql/{s.name}"), Code(s.sha256), s.why) for s in plan.scripts]
    return Table(("migration", "action", "file", "SHA-256", "why"), rows) if rows else "No scripts."


def checks(checks: Sequence[Check]) -> list[Block]:
    """Lay checks out, expected and found side by side; what takes more than a line to say follows as a list."""
    rows = [("ok" if c.passed else "DIFFERS", c.name, c.expected, c.found.partition("\n")[0]) for c in checks]
    long = [Bullets(lines) for c in checks if (lines := [" ".join(line.split()) for line in c.found.split("\n")[1:]])]
    return [Table(("", "check", "expected", "found"), rows), *long]


def checked(checks: Sequence[Check]) -> str:
    """Say in one line how many checks passed."""
    missed = sum(not check.passed for check in checks)
    return f"{missed} of {len(checks)} checks found something else" if missed else f"All {len(checks)} checks passed"


def compared(checks: Sequence[Check]) -> list[dict[str, str]]:
    """Return the checks as rows, those first that found something else."""
    rows = sorted(checks, key=lambda check: check.passed)
    return [
        # The answer first: the UI's table does not fold, and cuts the last column off.
        {"ok": "ok" if c.passed else "DIFFERS", "check": c.name, "wanted": c.expected, "found": c.found}
        for c in rows
    ]


def _archive(summary: Summary) -> list[Block]:
    """Name the archive tables, with their rows where these were counted."""
    if not summary.changed:
        return []
    rows = [(Code(name), f"{summary.archived[name]:,}" if name in summary.archived else "") for name in ARCHIVE]
    rows += [(Code(name), f"{n:,}") for name, n in summary.archived.items() if name not in ARCHIVE]
    return ["Values that left their tables are kept here until they are put back.", Table(("table", "rows"), rows)]
