"""The report of a run: Markdown for people, JSON as evidence, and what the post-mortem starts from."""

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from runbook import page, printable, private_files
from runbook.errors import SettingsInvalid
from runbook.planning.plandata import plain, plan_json
from runbook.schema import held
from runbook.settings import Settings
from runbook.telling import drawing, followups, reportpage
from runbook.telling.summary import Summary, outage, post_mortem_due

FORMAT = 1
"""Number of the evidence's format."""


def markdown(summary: Summary, *, whole: bool = False) -> str:
    """Write the report as Markdown; its first line is the verdict. ``whole``: with its picture inside."""
    shown = replace(summary, report_page="") if whole else summary  # in the UI it need not lead to itself
    return page.markdown(reportpage.report_page(shown), whole=whole)


def evidence(summary: Summary) -> dict[str, Any]:
    """Return everything the report rests on, as JSON can hold it."""
    span = outage(summary)
    return {
        "format": FORMAT,
        "outcome": summary.outcome,
        "target": summary.target,
        "state": summary.state,
        "next": summary.next,
        "problem": summary.problem,
        "began": plain(summary.began),
        "ended": plain(summary.ended),
        "outage": {"began": plain(span[0]), "ended": plain(span[1])} if span else None,
        "post_mortem_due": plain(post_mortem_due(summary)),
        "request": summary.request.model_dump(mode="json"),
        "approval": _approval(summary),
        "tries": [plain(asdict(one)) for one in summary.tries],
        "plan": plan_json(summary.plan) if summary.plan else None,
        "locks": [plain(asdict(one)) for one in held.of(summary.steps)],
        "steps": [plain(asdict(step)) for step in summary.steps],
        "backup": plain(asdict(summary.backup)) if summary.backup else None,
        "snapshot": plain(asdict(summary.copy)) if summary.copy else None,
        "checks": [plain(asdict(check)) for check in summary.checks],
        "archived": dict(summary.archived),
        "told": plain(asdict(summary.told)) if summary.told else None,
    }


def _approval(summary: Summary) -> dict[str, Any] | None:
    """Return the answer field by field, so that a one-time code or any later secret field stays out."""
    given = summary.approval
    if given is None:
        return None
    said = given.model_dump(mode="json", include={"decision", "name", "role", "comment", "without_rehearsal"})
    return {**said, "at": plain(summary.approved_at)}


def write(settings: Settings, summary: Summary) -> Sequence[Path]:
    """Write report and evidence and, after a rollback was begun, post-mortem and invitation; the report comes first.

    Written again, the same run's files are replaced, but never a post-mortem, since people write in it.
    Raises SettingsInvalid when the folder cannot be written.
    """
    texts = _texts(summary)
    try:
        folder = _folder(settings)
        if summary.outcome in ("done", "failed"):
            name = _post_mortem_name(folder, summary)
            texts |= {f"{name}.md": post_mortem(summary), f"{name}.ics": followups.invitation(summary)}
        return [_put(folder / name, text) for name, text in texts.items()]
    except OSError as error:
        raise _unwritable(settings, error) from None


def rewrite(settings: Settings, summary: Summary) -> Sequence[Path]:
    """Write report and evidence of a run anew, in place of those that were written when it ended.

    Raises SettingsInvalid when the folder cannot be written.
    """
    try:
        return [_put(_folder(settings) / name, text) for name, text in _texts(summary).items()]
    except OSError as error:
        raise _unwritable(settings, error) from None


def _texts(summary: Summary) -> dict[str, str]:
    """Return report and evidence by the names of their files."""
    stem = f"report-{summary.stamp}"
    texts = {f"{stem}.md": markdown(summary), f"{stem}.json": printable.as_json(evidence(summary)) + "\n"}
    svg = drawing.drawn(summary)
    return texts | ({f"{stem}.svg": svg} if svg else {})


def post_mortem(summary: Summary) -> str:
    """Write the post-mortem as far as the facts go, as Markdown."""
    return followups.post_mortem(summary)


def check(settings: Settings) -> None:
    """Raise SettingsInvalid when reports could not be written; makes the folder."""
    try:
        folder = _folder(settings)
    except OSError as error:
        raise _unwritable(settings, error) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(settings, PermissionError("it is not writable"))


def _post_mortem_name(folder: Path, summary: Summary) -> str:
    """Name the post-mortem after the incident; where that name is taken by another text, after the run as well."""
    usual = folder / f"post-mortem-{summary.request.incident}.md"
    taken = usual.exists() and usual.read_text(encoding="utf-8") != post_mortem(summary)
    return f"post-mortem-{summary.stamp}" if taken else usual.stem


def _folder(settings: Settings) -> Path:
    settings.report_dir.mkdir(mode=private_files.FOLDER_MODE, parents=True, exist_ok=True)
    return settings.report_dir.resolve()


def _put(path: Path, text: str) -> Path:
    """Write a private file, whole or not at all."""
    private_files.write(path, text)
    return path


def _unwritable(settings: Settings, error: OSError) -> SettingsInvalid:
    return SettingsInvalid(
        f"ROLLBACK_REPORT_DIR: {settings.report_dir} cannot be written: {error}",
        "Make it writable for this user, or set another folder.",
    )
