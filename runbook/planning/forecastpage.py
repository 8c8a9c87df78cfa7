"""Forecast and alternatives as parts of a page."""

from runbook import figures
from runbook.models import Plan
from runbook.outlook import Alternative
from runbook.page import Block, Bullets, Table


def sentence(plan: Plan) -> str:
    """Say in one line how long it would take."""
    if plan.forecast is None:
        return "not made"
    whole, outage = figures.duration(plan.forecast.seconds), figures.duration(plan.forecast.outage_seconds)
    return f"about {whole} once approved, users offline for about {outage} of it; {plan.forecast.basis}"


def ways(plan: Plan) -> list[Block]:
    """Lay the alternatives side by side; remarks stand below, since Prefect's tables do not fold long cells."""
    if not plan.alternatives:
        return []
    rows = [(way.name, minutes(way), lost(way)) for way in plan.alternatives]
    remarks = [f"{way.name}: {way.remark}." for way in plan.alternatives]
    return [Table(("way", "minutes", "rows lost"), rows, right=(1, 2)), Bullets(remarks)]


def backup(plan: Plan) -> list[Block]:
    """Say how the backup is taken and why, and what each way takes."""
    rows = [
        (way.method, figures.duration(way.seconds), f"median of {way.runs}" if way.runs else "a guess", way.remark)
        for way in plan.backup.ways
    ]
    against = [f"{way.method}: {way.obstacle}" for way in plan.backup.ways if way.obstacle]
    table = Table(("way", "takes", "from", "what it is"), rows, right=(1,))
    return [f"By {plan.backup.method}: {plan.backup.why}.", table, *([Bullets(against)] if against else [])]


def minutes(way: Alternative) -> str:
    """Say how long a way takes; what is under ten minutes with a tenth."""
    if way.minutes is None:
        return "unknown"
    return f"{way.minutes:.1f}" if way.minutes < 9.95 else f"{way.minutes:,.0f}"  # noqa: PLR2004 - where 10.0 begins


def lost(way: Alternative) -> str:
    """Say how many rows a way loses."""
    return "unknown" if way.rows_lost is None else f"{way.rows_lost:,}"


def figured(plan: Plan) -> list[Block]:
    """List the time of each step, and what is large."""
    steps = plan.forecast.steps if plan.forecast else ()
    times = [(s.name, figures.duration(s.seconds), f"median of {s.runs}" if s.runs else "a guess") for s in steps]
    sizes = [("database", figures.size(plan.database_bytes))]
    sizes += [(what, figures.size(count)) for what, count in plan.sizes.items()]
    blocks: list[Block] = [Table(("step", "takes", "from"), times, right=(1,))] if times else []
    return [*blocks, Table(("what", "size"), sizes, right=(1,))]
