"""The fields of Prefect's form: what its page shows and asks, for one plan, at one moment."""

from datetime import UTC, datetime
from typing import Any

from prefect.input import RunInput
from pydantic import Field, SecretStr, create_model

from runbook import figures
from runbook.approval import approvals, asking, tries
from runbook.approval.answer import Answer, Decision
from runbook.approval.asking import Waiting
from runbook.approval.authority import Question
from runbook.planning import planpage, rehearsed
from runbook.telling import messages
from tasks import artifact_of

CODE = "Needed to approve: {}. To decline, leave it empty: what was typed here could be read."
ELSEWHERE = (
    "**Answers are not taken here.** Answer in a terminal of the worker's host, as its user: `rollback approve {}`. "
    "Resume decides nothing."
)


class ApprovalForm(RunInput, Answer):
    """The form behind the Resume button of the flow run's page."""


class ClosedForm(RunInput):
    """What stands there where answers at Prefect do not count."""


def build(waiting: Waiting, question: Question, note: str) -> type[RunInput]:
    """Return the form with the plan above it, and what was said of the last answer."""
    above = asking.above(waiting, question, datetime.now(UTC), note)
    if not waiting.settings.form_answers:
        return ClosedForm.with_initial_data(description=f"{ELSEWHERE.format(waiting.flow_run)}\n\n{above}")
    form: type[ApprovalForm] = create_model("ApprovalForm", __base__=ApprovalForm, **_fields(waiting, question))
    return form.with_initial_data(description=above)


def _fields(waiting: Waiting, question: Question) -> dict[str, Any]:
    """Return the fields that depend on the plan; its hash is filled in, and an answer must still name it itself."""
    named, decision, code = (ApprovalForm.model_fields[name] for name in ("plan", "decision", "code"))
    plan = Field(
        max_length=64,
        title=named.title,
        description=named.description,
        json_schema_extra={"default": figures.short(question.plan_hash)},
    )
    # On a low screen the UI leaves no room for what stands above the form: the first field says what matters most.
    first = Field(title=decision.title, description=f"{_gist(waiting)}\n\n{decision.description}")
    said = tries.demand(waiting.settings, datetime.now(UTC)) or str(code.description)
    proof = Field(SecretStr(""), max_length=40, title=code.title, description=_about(said))
    fields: dict[str, Any] = {"plan": (str, plan), "decision": (Decision, first), "code": (SecretStr, proof)}
    if demanded(waiting):
        fields["without_rehearsal"] = (str, _unrehearsed())
    return fields


def _about(code: str) -> str:
    """Say what the code is for: what a decline leaves at Prefect must approve nothing."""
    return CODE.format(code[:1].lower() + code[1:].rstrip("."))


def demanded(waiting: Waiting) -> str:
    """Return the name of the field that this plan asks for; empty: none."""
    return "without_rehearsal" if rehearsed.lacking(waiting.plan) else ""


def _unrehearsed() -> Any:
    """Return the field for why it goes without a fresh rehearsal."""
    return Field(
        "",
        max_length=2000,
        title=ApprovalForm.model_fields["without_rehearsal"].title,
        description="The plan says that there is no fresh rehearsal: why it goes without. It is recorded.",
        json_schema_extra={approvals.DEMANDED: True},
    )


def _gist(waiting: Waiting) -> str:
    """Say the plan in three sentences, with the address of all of it; as plain text, which is all that one UI shows."""
    whole = messages.artifact(waiting.settings, artifact_of(waiting.flow_run, "plan"))
    return "\n\n".join([*planpage.gist(waiting.plan), f"The whole plan: {whole}" if whole else ""]).strip()
