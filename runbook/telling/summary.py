"""What a run came to: everything that its report, its messages and its evidence say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from runbook import figures
from runbook.approval.answer import Approval
from runbook.models import Check, Plan, Step, Try
from runbook.request import RollbackRequest
from runbook.safekeeping.kept import Backup, Copy
from runbook.telling.told import Told

Verdict = Literal["done", "declined", "refused", "cancelled", "failed"]

STOP = "stop services"
"""The step with which the outage begins."""
START = ("open and start", "start services again")
"""The steps with which it ends: the last of a rollback that was done, or the compensation of one that was not."""


TELLING = "notify"
"""The step that writes the report: it has not ended when the report says when the run did."""
LAST_INSIDE = "verify the schema"
"""The last step before the commit."""
LATER = ("portable dump", "drop snapshot")
"""Steps that follow when the rollback itself has ended."""


@dataclass(frozen=True)
class Summary:
    """A run that has ended."""

    request: RollbackRequest
    plan: Plan | None
    """None when the run ended before there was one."""
    approval: Approval | None
    approved_at: datetime | None
    """When the answer came."""
    steps: Sequence[Step]
    backup: Backup | None
    """The dump: taken inside the outage, or from the snapshot when the users were back."""
    checks: Sequence[Check]
    """The procedure's step 5, and what else was verified after the commit."""
    outcome: Verdict
    state: str
    """What state things are in, a sentence."""
    next: str
    """What to do now, a sentence."""
    target: str = "production"
    problem: str = ""
    """Why it was declined, refused or cancelled, or failed."""
    tries: Sequence[Try] = ()
    """All answers that came, with why some did not count."""
    archived: Mapping[str, int] = field(default_factory=dict)
    """Rows in the archive tables, by table."""

    copy: Copy | None = None
    """The snapshot, where one was taken and is there."""
    committed: bool | None = None
    """Whether the transaction was committed; None: it was if the run is done."""
    page: str = ""
    """Address of the run's page in Prefect's UI, where it is known."""
    report_page: str = ""
    """Address of the report there."""
    told: Told | None = None
    """Who was told; None before anybody was."""

    @property
    def changed(self) -> bool:
        """Whether the rollback took effect, so that rows and users were touched."""
        if self.committed is not None:
            return self.committed  # a run that was taken up again has a plan in which nothing is left to do
        return self.outcome == "done" and self.plan is not None and self.plan.needed

    @property
    def database(self) -> str:
        """The database's name, as far as it was known."""
        return self.plan.identity.database if self.plan else "not reached"

    @property
    def began(self) -> datetime:
        """When the first step began; without steps, when the incident was identified."""
        return min((step.started for step in self.steps), default=self.request.identified_at)

    @property
    def ended(self) -> datetime:
        """When the last step of the rollback ended. The same for each report that is written of a run."""
        own = [step for step in self.steps if step.name not in LATER]
        last = max((step.ended or step.started for step in own if step.name != TELLING), default=None)
        telling = [step.started for step in own if step.name == TELLING and (last is None or step.started >= last)]
        # Those who could not be told are told later: that does not move the end.
        return min(telling, default=last or self.began)

    @property
    def stamp(self) -> str:
        """What the files of this run are named by: its incident, and when it ended."""
        return f"{self.request.incident}-{self.ended.astimezone(UTC):%Y%m%d-%H%M%S}"

    @property
    def missed(self) -> Sequence[Check]:
        """The checks that found something else than was expected."""
        return [check for check in self.checks if not check.passed]


def outage(summary: Summary) -> tuple[datetime, datetime | None] | None:
    """Return from when to when users were offline; no end while they still are, None when nothing was stopped."""
    return outage_of(summary.steps)


def outage_of(steps: Sequence[Step]) -> tuple[datetime, datetime | None] | None:
    """Return the same for the steps of a run."""
    stopped = [_offline(s) for s in steps if s.name == STOP and _stopped(s)]
    if not stopped:
        return None
    began = min(stopped)
    again = [s for s in steps if s.name in START and s.started >= max(stopped)]
    done = [s.ended for s in again if s.outcome == "done" and s.ended]
    return began, max(done) if done else None


def _stopped(stop: Step) -> bool:
    """Tell whether a step got as far as to stop anything: it fails before that where the plan changed."""
    return stop.outcome != "skipped" and not (stop.outcome == "failed" and "offline_since" not in stop.found)


def _offline(stop: Step) -> datetime:
    """Return when a stop began to stop the services: it looks at the plan once more before that."""
    since = stop.found.get("offline_since")
    return datetime.fromisoformat(str(since)) if since else stop.started


def outage_words(summary: Summary) -> str:
    """Say how long users were offline."""
    span = outage(summary)
    if span is None:
        return "users were not taken offline by the runbook"
    began, ended = span
    if ended is None:
        return f"users are offline since {figures.moment(began)}"
    return f"users were offline for {figures.duration((ended - began).total_seconds())}"


def post_mortem_due(summary: Summary) -> datetime:
    """Return until when the post-mortem must be held: 24 hours after the run ended, says the procedure."""
    return summary.ended + timedelta(hours=24)
