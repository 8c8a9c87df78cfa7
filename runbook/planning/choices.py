"""What each choice for OAuth users does to each kind of user, in plain words."""

from collections.abc import Mapping, Sequence
from typing import get_args

from runbook import figures
from runbook.models import Plan
from runbook.request import OauthChoice

PASSWORD, OAUTH, BOTH = "password only", "OAuth only", "both"
"""The kinds of users in Plan.users. 'OAuth only' means: without a password."""
CHOICES: Sequence[str] = get_args(OauthChoice)

_PROFESSIONAL = "role kb_owner becomes professional"
_REFUSED = "owners keep role kb_owner, which the old release refuses"

EFFECTS: Mapping[str, Mapping[str, str]] = {
    "temporary passwords": {
        PASSWORD: f"log in as before; {_PROFESSIONAL}",
        OAUTH: 'stay with all their data; cannot log in until they use "Forgot password"; '
        "OAuth identity moves to the archive",
        BOTH: "log in with their password; OAuth identity moves to the archive",
    },
    "delete": {
        PASSWORD: f"log in as before; {_PROFESSIONAL}",
        OAUTH: "DELETED, with everything that is theirs",
        BOTH: "stay; log in with their password; OAuth identity moves to the archive",
    },
    "keep": {
        PASSWORD: f"012 is not rolled back: {_REFUSED}",
        OAUTH: 'stay as they are; the old release knows passwords only: "Forgot password" first; '
        "owners refused until their role is right",
        BOTH: "stay as they are, OAuth identity included; log in with their password; "
        "owners refused until their role is right",
    },
}


def effect(choice: str, kind: str) -> str:
    """Say what a choice does to a kind of user; nothing for a kind that is counted for information only."""
    return EFFECTS.get(choice, {}).get(kind, "")


def touched(plan: Plan) -> bool:
    """Tell whether users are touched at all: only 012 ever did anything to them."""
    return plan.migrations.get("012", "absent") != "absent"


def others(plan: Plan) -> list[str]:
    """Say in one line each what the choices that were not made would do."""
    lines = {
        "temporary passwords": f"{_without(plan)} stay and cannot log in until they reset their password.",
        "delete": f"{deleted(plan)} are deleted.",
        "keep": f"012 is skipped; {_without(plan)} keep their OAuth identity; {_REFUSED}.",
    }
    return [f"'{choice}': {line}" for choice, line in lines.items() if choice != plan.oauth]


def needs(plan: Plan) -> str:
    """Say what the users without a password must do after the rollback."""
    if not touched(plan):
        return "012 was not applied: no user was touched."
    if not plan.users.get(OAUTH) and not plan.users.get(BOTH):
        return "There are no OAuth users; everybody logs in again with their password."
    if plan.oauth == "delete":
        return f"{_without(plan)} were deleted. Everybody else logs in again with their password."
    start = f'{_without(plan)} must use "Forgot password" before they can log in. Everybody else logs in again.'
    return f"{start} Set the role of owners from kb_owner by hand." if plan.oauth == "keep" else start


def _without(plan: Plan) -> str:
    return figures.count(plan.users.get(OAUTH, 0), "user") + " without a password"


def deleted(plan: Plan) -> str:
    """Say what 'delete' deletes; what hangs on the users is counted only where that was chosen."""
    if plan.oauth != "delete":
        return f"{_without(plan)} and all that is theirs"
    rows = sum(plan.cascade.values())
    tables = sum(1 for count in plan.cascade.values() if count)
    return f"{_without(plan)} and {figures.count(rows, 'row')} in {figures.count(tables, 'table')} that are theirs"


def lost(plan: Plan) -> str:
    """Say what is gone afterwards, and what is only moved."""
    moved = figures.count(sum(plan.removed.values()), "value")
    kept = f"{moved} leave their tables and are kept in backup and archive"
    if plan.oauth != "delete" or not plan.users.get(OAUTH):
        return f"nothing is deleted; {kept}"
    return f"{deleted(plan)} are DELETED and then only in the backup; {kept}"
