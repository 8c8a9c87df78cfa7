"""What comes in from who asks for a rehearsal. It becomes a form in Prefect's UI."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runbook.request import GeminiChoice, Incident, OauthChoice, RollbackRequest, Tag
from runbook.settings import Settings


class RehearsalRequest(BaseModel):
    """A request to rehearse the rollback on staging, with a clone of production."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Incident | None = Field(
        None, title="Label", description="What the rehearsal is called. Not set: REHEARSAL and the date."
    )
    clone: Literal["as set", "auto", "file", "stream", "template", "dump"] = Field(
        "as set",
        title="How production is cloned",
        description=(
            "'as set': as ROLLBACK_REHEARSAL_WAY says. 'file': dumped to a file, then restored. 'stream': without a "
            "file between. 'template': copied by the server, where both are on one. 'dump': from a dump that exists."
        ),
    )
    dump: Path | None = Field(
        None, title="Dump", description="A dump of production that is cloned in its place. Not set: as is set."
    )
    previous_tag: Tag | None = Field(
        None,
        title="Previous release",
        description="The git tag that comes back on staging, such as v1.8.3. Required where services are managed.",
    )
    oauth: OauthChoice = Field(
        "temporary passwords",
        title="OAuth users",
        description="What becomes of users without a password, in the clone.",
    )
    gemini: GeminiChoice = Field("keep", title="Label gemini (013)", description="What becomes of it, in the clone.")
    backup: Literal["auto", "snapshot", "dump"] = Field(
        "auto", title="Backup", description="How the backup is taken, in the clone."
    )
    keep: bool = Field(
        False,
        title="Keep the clone",
        description="Leave the rolled-back clone and its release on staging for a look; the next rehearsal cleans up.",
    )


USUAL = RehearsalRequest()


def label(request: RehearsalRequest) -> str:
    """Return what a rehearsal is called."""
    return request.label or f"REHEARSAL-{datetime.now(UTC):%Y-%m-%d}"


def settings(request: RehearsalRequest, loaded: Settings) -> Settings:
    """Return the settings with what the request chose otherwise."""
    chosen: dict[str, Any] = {}
    if request.clone != "as set":
        chosen["rehearsal_way"] = request.clone
    if request.dump:
        chosen["rehearsal_dump"] = request.dump
    return loaded.model_copy(update=chosen)


def rollback(request: RehearsalRequest, called: str) -> RollbackRequest:
    """Return the request for the rollback that is rehearsed."""
    chosen = request.model_dump(include={"oauth", "gemini", "backup", "previous_tag"})
    return RollbackRequest(
        incident=called,
        reason="A rehearsal on staging; there is no incident.",
        triggers=["cannot be fixed within 30 minutes"],
        requested_by="the rehearsal",
        **chosen,
    )
