"""Messages to the team and to users, from template files that an operator can replace."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal
from uuid import UUID

from runbook import printable
from runbook.errors import SettingsInvalid
from runbook.settings import Settings
from runbook.telling import rendering
from runbook.telling.summary import Summary, outage_words

Event = Literal[
    "team_started",
    "team_waiting",
    "team_try",
    "team_done",
    "team_failed",
    "team_declined",
    "team_cancelled",
    "team_told",
]

NAMES = (
    "team_started.txt.j2",
    "team_waiting.txt.j2",
    "team_try.txt.j2",
    "team_done.txt.j2",
    "team_failed.txt.j2",
    "team_declined.txt.j2",
    "team_cancelled.txt.j2",
    "team_told.txt.j2",
    "users.subject.j2",
    "users.txt.j2",
)
"""The built-in templates; an operator's file of the same name replaces one."""
SEVERAL_LINES = ("problem",)
"""Facts that may have several lines; the others are put in one."""
TITLE = 250
"""How many characters a title may have."""


@dataclass(frozen=True)
class Message:
    """A message ready to be sent, in plain text."""

    title: str
    body: str


@dataclass(frozen=True)
class Facts:
    """What a message can say. Every field, ``target`` and ``link`` are variables of each template."""

    incident: str
    state: str
    next: str
    """What to do now."""
    reason: str = ""
    """What is broken, as the request says."""
    problem: str = ""
    """Why it failed or was not approved."""
    requested_by: str = ""
    database: str = ""
    oauth: str = ""
    """What was chosen for OAuth users."""
    outage: str = ""
    """How long users were offline, in words."""
    report: str = ""
    """Where the report lies."""
    report_page: str = ""
    """Address of the report in Prefect's UI."""
    run_id: str = ""
    """Prefect's id of the run, for the link."""
    waiting: str = ""
    """How long there is to decide."""
    asked: str = ""
    """Whose answer counts now."""
    plan: str = ""
    """The beginning of the plan's hash."""
    late_reason: str = ""
    """Why it is decided so late."""
    told: str = ""
    """Who was told, and who waits, with counts; or who is told next."""
    heading: str = "Who is told"
    """Whether everybody is told."""


def facts(summary: Summary, report: str = "", run_id: str = "") -> Facts:
    """Gather what the message about a run that ended can say."""
    return Facts(
        incident=summary.request.incident,
        state=summary.state,
        next=summary.next,
        reason=summary.request.reason,
        problem=summary.problem,
        requested_by=summary.request.requested_by,
        database=summary.database,
        oauth=summary.request.oauth,
        outage=outage_words(summary),
        report=report,
        report_page=summary.report_page,
        run_id=run_id,
    )


SAMPLE = Facts(
    "INC-1",
    "state",
    "next",
    "reason",
    "problem",
    "someone",
    "digitaltwin",
    "temporary passwords",
    "1 s",
    "r.md",
    "page",
    "id",
)


def team(settings: Settings, event: Event, facts: Facts) -> Message:
    """Return the message to the team about ``event``: a template's first line is its title.

    Raises SettingsInvalid when a template of the operator cannot be used.
    """
    title, _, body = _render(settings, f"{event}.txt.j2", facts).partition("\n")
    return _message(title, body.strip() or title.strip())


def users(settings: Settings, facts: Facts) -> Message:
    """Return the e-mail to users. Raises SettingsInvalid when a template of the operator cannot be used."""
    return _message(_render(settings, "users.subject.j2", facts), _render(settings, "users.txt.j2", facts))


def _message(title: str, body: str) -> Message:
    return Message(printable.line(title, TITLE), printable.text(body) + "\n")


def check(settings: Settings) -> None:
    """Render every message once, with full and with sparse facts. Raises SettingsInvalid, naming file and line."""
    _check_folder(settings.template_dir)
    for facts in (SAMPLE, Facts("INC-1", "state", "next")):
        for name in NAMES:
            _render(settings, name, facts)


def link(settings: Settings, run_id: str) -> str:
    """Return the address of a run in Prefect's UI, of the UI when there is no run, or an empty text."""
    base = (settings.run_url or "").rstrip("/")
    return f"{base}/runs/flow-run/{run_id}" if base and run_id else base


def artifact(settings: Settings, artifact_id: UUID | None) -> str:
    """Return the address of an artifact in Prefect's UI, or an empty text where UI or artifact is not known."""
    base = (settings.run_url or "").rstrip("/")
    return f"{base}/artifacts/artifact/{artifact_id}" if base and artifact_id else ""


def _check_folder(folder: Path | None) -> None:
    """Refuse a folder that is not there, and a file whose name looks like a message but replaces none."""
    if folder is None:
        return
    if not folder.is_dir():
        raise SettingsInvalid(
            f"ROLLBACK_TEMPLATE_DIR: {folder} is not a folder.", "Correct or unset it.", rendering.NOTHING
        )
    strays = sorted(p.name for p in folder.glob("*.j2") if p.name.startswith(("team_", "users")))
    for name in strays:
        if name not in NAMES:
            raise SettingsInvalid(
                f"{folder / name} replaces no message.", f"Name it as one of: {', '.join(NAMES)}.", rendering.NOTHING
            )


def _render(settings: Settings, name: str, facts: Facts) -> str:
    with as_file(files(__package__) / "templates") as builtin:
        folders = [settings.template_dir, builtin] if settings.template_dir else [builtin]
        return rendering.text(folders, name, _values(settings, facts))


def _values(settings: Settings, facts: Facts) -> Mapping[str, str]:
    values: dict[str, str] = asdict(facts)
    values |= {"target": settings.target, "link": link(settings, values.pop("run_id"))}
    return {name: _fact(name, value) for name, value in values.items()}


def _fact(name: str, value: str) -> str:
    """Return a fact as it may stand in a message: it begins no line of its own, and no chat takes it for markup."""
    lines = printable.text(value).split("\n") if name in SEVERAL_LINES else [printable.line(value)]
    return printable.unmarked("\n    ".join(lines))
