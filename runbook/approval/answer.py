"""What comes in from an approver: the answer to a plan. It becomes a form in Prefect's UI."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr

Decision = Literal["approve", "decline"]
Role = Literal["Team Lead", "CTO", "On-call Engineer"]


class Given(BaseModel):
    """What an approver gives to say what they decide about a plan."""

    decision: Decision = Field(
        title="Decision", description="'approve' lets the rollback go ahead; 'decline' ends it with nothing changed."
    )
    name: str = Field(min_length=2, max_length=200, title="Your name", description="Who decides.")
    role: Role = Field(title="Your role", description="Only these three roles may authorise a rollback.")
    comment: str = Field("", max_length=2000, title="Comment", description="Anything the record should say.")


class Approval(Given):
    """An approver's answer to a plan, as it is recorded."""

    without_rehearsal: str = ""
    """Why it goes without a fresh rehearsal, where there was none."""


class Answer(Given):
    """An answer as it comes through a door: with what proves who gives it, and for which plan."""

    plan: str = Field(
        max_length=64,
        title="Plan",
        description="The beginning (8 digits or more) of the hash of the plan that you read above.",
    )
    code: SecretStr = Field(
        max_length=40,
        title="One-time code",
        description="The six digits that your authenticator app shows now. Each code works once.",
    )
    lead_unreachable: str = Field(
        "",
        max_length=2000,
        title="Team Lead unreachable because",
        description="Only for the On-call Engineer who cannot wait: why they cannot be reached. It is recorded.",
    )
    without_rehearsal: str = Field(
        "",
        max_length=2000,
        title="Without a fresh rehearsal because",
        description="Only when the plan says that there is no fresh rehearsal: why it goes without. It is recorded.",
    )

    def said(self) -> Approval:
        """Return what may be recorded of it."""
        return Approval.model_validate(self.model_dump(include=set(Approval.model_fields)))
