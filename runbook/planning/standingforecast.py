"""The standing forecast: what a rollback would do now, so that the answer is there before the incident is."""

from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from runbook import figures
from runbook.models import Plan
from runbook.page import Block, Bullets, Page, Section, Table
from runbook.page import markdown as written
from runbook.planning import choices, forecastpage, planpage, rehearsed
from runbook.planning.trial import trial
from runbook.request import GeminiChoice, OauthChoice, RollbackRequest, Tag, one_field

INCIDENT = "standing-forecast"
"""What the request is called that no incident stands behind."""

Row = dict[str, Any]


class ForecastRequest(BaseModel):
    """What the standing forecast assumes that an operator would choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    oauth: OauthChoice = Field(
        "temporary passwords",
        title="OAuth users",
        description="The choice to forecast. Nothing is done to anybody: the forecast only reads.",
    )
    previous_tag: Tag | None = Field(
        None,
        title="Previous release",
        description="The git tag that would come back, such as v1.8.3.",
        json_schema_extra=one_field,
    )
    gemini: GeminiChoice = Field("keep", title="Label gemini (013)", description="The choice to forecast.")
    history: Annotated[int, Field(ge=1, le=1000)] = Field(
        48, title="History", description="How many forecasts the table of the history shows; 48 are a day of them."
    )


def assumed(wanted: ForecastRequest) -> RollbackRequest:
    """Return the request that the plan is drawn for."""
    chosen = wanted.model_dump(include={"oauth", "gemini", "previous_tag"})
    return RollbackRequest(incident=INCIDENT, reason="The standing forecast; there is no incident.", **chosen)


def sentence(plan: Plan) -> str:
    """Say in one line what a rollback would do now."""
    if not plan.needed:
        return "If you rolled back now: nothing would happen, the database is at its baseline"
    leave = figures.count(sum(plan.removed.values()), "value")
    filled = figures.count(sum(plan.placeholders.values()), "row")
    gone = figures.count(_deleted(plan), "row")
    outage = figures.duration(plan.forecast.outage_seconds) if plan.forecast else "unknown"
    blocked = f"BLOCKED by {figures.count(len(plan.blockers), 'thing')}; otherwise " if plan.blockers else ""
    return (
        f"If you rolled back now: {blocked}{leave} would leave their tables, {filled} would get a placeholder, "
        f"{gone} would be deleted; users offline for about {outage}"
    )


def _deleted(plan: Plan) -> int:
    return plan.alternatives[0].rows_lost or 0 if plan.alternatives else 0


def markdown(plan: Plan) -> str:
    """Write the forecast as Markdown, the sentence first."""
    facts = [
        ("Database", f"{plan.identity.database}, PostgreSQL {plan.identity.major}"),
        ("Found", planpage.found(plan)),
        ("OAuth users", f"'{plan.oauth}' is assumed"),
        ("Drawn at", figures.moment(plan.drawn_at)),
    ]
    said = [f"What is lost: {choices.lost(plan)}.", f"Forecast: {forecastpage.sentence(plan)}."] if plan.needed else []
    said += [f"Trial: {trial.sentence(plan.trial)}."] if plan.trial else []
    said += [f"Rehearsal: {rehearsed.sentence(plan)}"] if plan.rehearsal else []
    sections = [
        Section("Blocked because", [Bullets(plan.blockers)] if plan.needed and plan.blockers else []),
        Section("Warnings", [Bullets(plan.warnings)] if plan.warnings else []),
        Section("What it would cost, and what else could be done", forecastpage.ways(plan) if plan.needed else []),
        Section("Time and size", forecastpage.figured(plan)),
    ]
    lead: list[Block] = [*([Bullets(said)] if said else []), Table(("", ""), facts)]
    return written(Page(sentence(plan), lead, [one for one in sections if one.blocks]))


def row(plan: Plan) -> Row:
    """Return the forecast as a row of the history."""
    measured = plan.forecast and any(step.runs for step in plan.forecast.steps)
    outage = figures.duration(plan.forecast.outage_seconds) if plan.forecast else ""
    return {
        "drawn at (UTC)": f"{plan.drawn_at.astimezone(UTC):%Y-%m-%d %H:%M}",
        "go ahead": "nothing to do"
        if not plan.needed
        else f"blocked: {len(plan.blockers)}"
        if plan.blockers
        else "yes",
        "values leave": sum(plan.removed.values()),
        "placeholders": sum(plan.placeholders.values()),
        "deleted": _deleted(plan),
        "OAuth only": plan.users.get(choices.OAUTH, 0),
        "outage": outage if measured else f"{outage} (a guess)",
        "size": figures.size(plan.database_bytes),
    }


def history(new: Row, earlier: Sequence[Row], length: int) -> list[Row]:
    """Put the newest forecast before the earlier ones, and keep ``length`` of them."""
    return [new, *earlier][:length]
