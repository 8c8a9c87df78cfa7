"""What comes in from who asks: the request for a rollback.

It becomes a form in Prefect's UI: a field's title, description, default and menu come from here.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from runbook import printable
from runbook.errors import SettingsInvalid

OauthChoice = Literal["temporary passwords", "keep", "delete"]
GeminiChoice = Literal["keep", "remove"]
Trigger = Literal[
    "critical functionality broken: auth",
    "critical functionality broken: KB creation",
    "critical functionality broken: chat",
    "data corruption",
    "security vulnerability",
    "performance degradation",
    "cannot be fixed within 30 minutes",
]
Counter = Literal["minor bug, hotfix possible", "UI only", "fixable by forward migration"]

Incident = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Tag = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]

PERSON, WORDS = 200, 2000
"""How many characters a person's name and a text may have."""
FIXABLE_MINUTES = 30
"""What can be fixed within these minutes is no trigger, says the procedure."""


def _now() -> datetime:
    return datetime.now(UTC)


def one_field(schema: dict[str, Any]) -> None:
    """Show one field for a value that may be left out, not a choice between its type and None."""
    kind = next(one for one in schema.pop("anyOf") if one["type"] != "null")
    schema.pop("default", None)
    schema.update(kind)


class RollbackRequest(BaseModel):
    """A request to roll back. Nothing is touched before somebody entitled approves the plan that is drawn for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The form has this order: what must be said, what is asked first afterwards, and last what has a safe default.
    incident: Incident = Field(
        title="Incident",
        description="The incident's id, such as INC-2041. A second run for it goes on where the first stopped.",
    )
    reason: str = Field(
        min_length=3,
        max_length=WORDS,
        title="What is broken",
        description="What is broken, in a sentence the approver reads.",
    )
    triggers: list[Trigger] = Field(
        [],
        title="Triggers",
        description="What calls for a rollback by the procedure: all that hold. Without any, the run is refused.",
    )
    oauth: OauthChoice = Field(
        title="OAuth users",
        description=(
            "What becomes of users without a password. 'temporary passwords': they stay and cannot log in until they "
            "reset. 'keep': 012 is skipped; owners keep the role kb_owner, which the old release refuses. "
            "'delete': they go, with everything that is theirs."
        ),
    )
    previous_tag: Tag | None = Field(
        None,
        title="Previous release",
        description="The git tag that comes back, such as v1.8.3. Required where the runbook manages services.",
        json_schema_extra=one_field,
    )
    requested_by: str = Field(
        "", max_length=PERSON, title="Requested by", description="Who asks for the rollback; they may not approve it."
    )
    identified_at: AwareDatetime = Field(
        default_factory=_now,
        title="Identified at",
        description=(
            "When the critical issue was identified; the decision must fall within 30 minutes from then. "
            "Left empty: when the run starts. An earlier proposal for the incident counts from its own time."
        ),
    )
    late_reason: str = Field(
        "",
        max_length=WORDS,
        title="Why so late",
        description="Only when the 30 minutes are over already: why it is decided so late. The approver sees it.",
    )
    degradation_percent: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        validate_default=True,
        title="Performance degradation, in %",
        description=(
            "How much worse performance is than its baseline. Over 50: a trigger. Under 25: speaks against. "
            "Between: the approver must say why in words."
        ),
        json_schema_extra=one_field,
    )
    against: list[Counter] = Field(
        [],
        title="What speaks against",
        description="The procedure's reasons not to roll back. Beside a trigger: the approver must say why in words.",
    )
    fix_forward_minutes: int | None = Field(
        None,
        ge=0,
        title="Minutes to fix it forward",
        description="How long the other way is thought to take, from now; shown beside the rollback's forecast.",
        json_schema_extra=one_field,
    )
    notify_users: bool = Field(
        True,
        title="Mail the users",
        description="Send the users the e-mail about the rollback, where mail is configured.",
    )
    backup: Literal["auto", "snapshot", "dump"] = Field(
        "auto",
        title="Backup",
        description=(
            "How the backup is taken. 'auto': the quicker of what the server allows; the plan says which, and why. "
            "'snapshot': a copy on the same server, the portable dump follows when users are back. "
            "'dump': pg_dump while users are offline."
        ),
    )
    gemini: GeminiChoice = Field(
        "keep",
        title="Label gemini (013)",
        description="'keep' leaves label and rows; 'remove' gives the rows the default openai and drops the label.",
    )

    @field_validator("reason", "requested_by", "late_reason")
    @classmethod
    def _visible(cls, value: str, info: ValidationInfo) -> str:
        """Keep what can be seen: no journal stores a NUL, and nobody reads a text that steers what shows it."""
        return printable.shown(value)[: PERSON if info.field_name == "requested_by" else WORDS]

    @field_validator("identified_at")
    @classmethod
    def _in_utc(cls, value: datetime) -> datetime:
        return value.astimezone(UTC)

    @field_validator("degradation_percent")
    @classmethod
    def _by_how_much(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is None and "performance degradation" in info.data.get("triggers", ()):
            raise ValueError("the trigger 'performance degradation' needs it")
        return value


class PlanRequest(RollbackRequest):
    """A request that only asks what a rollback would do: what is not said is assumed, and the plan shows it."""

    incident: Incident = Field("PLAN", title="Incident", description="The incident's id, where there is one.")
    reason: str = Field(
        "Nobody asked for a rollback yet.",
        min_length=3,
        max_length=WORDS,
        title="What is broken",
        description="A sentence.",
    )
    triggers: list[Trigger] = Field(
        ["cannot be fixed within 30 minutes"],
        title="Triggers",
        description="What calls for a rollback; assumed if not said.",
    )
    oauth: OauthChoice = Field(
        "temporary passwords", title="OAuth users", description="The choice to look at; a run must make it itself."
    )


def deadline(request: RollbackRequest, minutes: int) -> datetime:
    """Return when the decision must have fallen: ``minutes`` after the incident was identified."""
    return request.identified_at + timedelta(minutes=minutes)


def check_times(request: RollbackRequest, skew_seconds: int) -> None:
    """Raise SettingsInvalid when the incident is said to be identified more than ``skew_seconds`` in the future."""
    ahead = (request.identified_at - _now()).total_seconds()
    if ahead > skew_seconds:
        raise SettingsInvalid(
            f"identified_at lies {ahead:.0f} s in the future.",
            "Give the time in UTC (or with its offset), or set this machine's clock.",
            "Nothing was touched.",
        )
