"""The sandbox of a rehearsal's rollback: an approver for it alone, and a sink for every message."""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from runbook import database
from runbook.approval import approvers, onetime
from runbook.approval.approvers import Approver
from runbook.errors import RehearsalRefused
from runbook.models import Identity, Plan
from runbook.rehearsing import guard, marks, stagingmark
from runbook.rehearsing.clonedata import Clone
from runbook.settings import Settings
from runbook.telling import sink

NAME = "Nobody (a rehearsal answers itself)"
SAID = "A rehearsal answers itself: no person approved this. It is a masked clone of production, on staging."


@dataclass(frozen=True)
class Sandbox:
    """What a rehearsal's rollback works in."""

    clone: Identity
    """The database that may be rolled back, and no other."""
    messages: Path
    """The folder in which every message ends."""

    def holds(self, plan: Plan) -> bool:
        """Return whether a plan is for the clone of this rehearsal."""
        return plan.identity == self.clone


@contextmanager
def entered(settings: Settings, clone: Clone, folder: Path) -> Iterator[Sandbox]:
    """Lend a sandbox: whatever staging's settings say, this process's environment leads to it until the block ends.

    Raises RehearsalRefused unless what stands in staging's place is the clone of this very rehearsal.
    """
    guard.check_target(settings)
    found = _clone(clone)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with sink.mail(folder / "messages") as port, _environment(_words(settings, folder, port)):
        yield Sandbox(found, folder / "messages" / "new")


def _clone(clone: Clone) -> Identity:
    """Return which database the clone is. Raises RehearsalRefused."""
    with closing(database.connect()) as conn:
        found = marks.find(conn, clone.staging)
        identity = database.identity(conn)
        staging = stagingmark.bearer(conn, clone.staging)
    standing = found and found.mark and found.stands("standing") and found.mark.run == clone.run
    source = guard.marked_source(found.mark.source) if found and found.mark else None
    same = source and (source.system_identifier, source.oid) == (identity.system_identifier, identity.oid)
    aside = staging is not None and staging.stands("resting")
    if not standing or not aside or same or identity.database != clone.staging:
        raise RehearsalRefused(
            f"{identity.database} is not the masked clone of this rehearsal beside a marked staging: it is not rolled "
            "back.",
            "Rehearse again; see PGSERVICE (or PGHOST, PGDATABASE) if that says the same.",
            "It was not touched.",
        )
    return identity


def _words(settings: Settings, folder: Path, port: int) -> Mapping[str, str]:
    """Return the environment of the sandbox; an empty value takes the place of one in a file."""
    one = Approver(name=NAME, role="CTO", target=settings.target, secret=SecretStr(onetime.make_secret()))
    return {
        "ROLLBACK_APPROVERS": approvers.text([one]),
        "ROLLBACK_APPROVALS_NEEDED": "1",
        "ROLLBACK_STATE_DIR": str(folder / "state"),
        "ROLLBACK_TEAM_URLS": f"mailto://127.0.0.1:{port}/?from=rehearsal@rehearsal.invalid&to=team@rehearsal.invalid",
        "ROLLBACK_SMTP_HOST": "127.0.0.1",
        "ROLLBACK_SMTP_PORT": str(port),
        "ROLLBACK_SMTP_TLS": "none",
        "ROLLBACK_SMTP_USER": "",
        "ROLLBACK_SMTP_PASSWORD": "",
        "ROLLBACK_REPORT_DIR": str(folder),
    }


@contextmanager
def _environment(words: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process, and put them back."""
    before = {name: os.environ.get(name) for name in words}
    os.environ.update(words)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
