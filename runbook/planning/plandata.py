"""The plan for machines, and its hash: what an approval is bound to."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from runbook.models import Plan, Release
from runbook.planning import choices

FORMAT = 5
"""Number of the format of plan_json and plan_hash; raised when a field changes its meaning."""


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON can hold it, with stable names."""
    written = {name: plain(value) for name, value in asdict(plan).items()}
    return {"format": FORMAT, "go_ahead": go_ahead(plan), "needed": plan.needed, "choices": _choices(plan), **written}


def read(stored: Mapping[str, Any]) -> Plan:
    """Return the plan that ``plan_json`` wrote. Raises ValidationError where it is not one of this format."""
    names = {field.name for field in fields(Plan)}
    return TypeAdapter(Plan).validate_python({name: value for name, value in stored.items() if name in names})


def go_ahead(plan: Plan) -> bool:
    """Tell whether there is something to do that nothing forbids: neither a blocker nor the criteria."""
    return plan.needed and not plan.blockers and plan.verdict.word != "not justified"


def _choices(plan: Plan) -> dict[str, dict[str, dict[str, object]]]:
    """Return each choice for OAuth users with each kind of user: how many, and what becomes of them."""
    return {
        choice: {kind: {"users": plan.users.get(kind, 0), "effect": words} for kind, words in effects.items()}
        for choice, effects in choices.EFFECTS.items()
    }


def plan_hash(plan: Plan) -> str:
    """Return SHA-256 over everything that matters.

    Times, sessions, sizes, forecast, blockers and wording are left out: they move by themselves, or follow from the
    rest. That there is no fresh rehearsal matters, its age and the reason do not.
    """
    release = plan.release
    matters = {
        "format": FORMAT,
        "identity": asdict(plan.identity),
        "verdict": asdict(plan.verdict),
        "migrations": dict(plan.migrations),
        "scripts": [(s.migration, s.name, s.sha256, s.action) for s in plan.scripts],
        "options": {"oauth": plan.oauth, "gemini": plan.gemini, "backup": plan.backup.method},
        "users": dict(plan.users),
        "removed": dict(plan.removed),
        "placeholders": dict(plan.placeholders),
        "cascade": dict(plan.cascade),
        "kept": dict(plan.kept),
        "blocking": dict(plan.blocking),
        "unlinked": dict(plan.unlinked),
        "fires": [asdict(one) for one in plan.fires],
        "unguarded": list(plan.unguarded),
        "release": (release.tag, release.commit, _compose(release)) if release else None,
        "services": list(plan.services),
        "untried": plan.trial is not None and bool(plan.trial.not_tried),
        "made of": dict(plan.made_of),
        "taken up": plan.taken_up,
        "unrehearsed": plan.rehearsal is not None and bool(plan.rehearsal.lacking),
    }
    return hashlib.sha256(json.dumps(matters, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _compose(release: Release) -> dict[str, object]:
    """Return what of the compose project matters: not by which program it is spoken to."""
    return {name: plain(value) for name, value in asdict(release.compose).items() if name not in ("program", "classic")}


def plain(value: object) -> Any:
    """Turn times into ISO 8601 and sequences into lists, all the way down."""
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)
