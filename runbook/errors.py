"""Errors that say what is wrong, what state things are in, and what to do now."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from runbook import printable


@dataclass(eq=False)
class RollbackError(Exception):
    """Root of all errors of the runbook.

    ``problem`` says what is wrong, ``state`` what state things are in (empty: where the error arose does not know it;
    the flow adds it), ``remedy`` what to do now. What others wrote stands in them (programs, the database, approvers):
    they hold no credentials and no control characters, and only their first line begins a line of the message.
    """

    problem: str
    remedy: str = ""
    state: str = ""

    def __post_init__(self) -> None:
        self.problem, self.remedy, self.state = map(printable.text, (self.problem, self.remedy, self.state))

    def __str__(self) -> str:
        parts = [self.problem]
        parts += [f"State: {self.state}"] if self.state else []
        parts += [f"Do now: {self.remedy}"] if self.remedy else []
        return "\n".join(map(printable.indented, parts))


class SettingsInvalid(RollbackError):
    """A ROLLBACK_… setting or a parameter cannot be used."""


class RunRefused(RollbackError):
    """A run was asked for in a way that the worker does not start; every reason is listed."""


class DatabaseUnavailable(RollbackError):
    """No connection could be made, or the connection was lost."""


class DatabaseFenced(DatabaseUnavailable):
    """The database refuses new connections because a fence is closed around it."""


class ThroughPooler(RollbackError):
    """The connection does not lead to the server itself but to a pooler, which breaks what the runbook relies on."""


class WrongDatabase(RollbackError):
    """The database is not DigitalTwin's, too old, or no longer the one that the plan was drawn for."""


class RightsMissing(RollbackError):
    """The role lacks rights; all missing ones are listed at once."""


class SecondRunner(RollbackError):
    """Somebody else works on this database with the runbook."""


class CommittedAfterAll(RollbackError):
    """The run was broken off or lost its connection while it committed, and the server did commit."""


class StatementFailed(RollbackError):
    """PostgreSQL refused a statement; its SQLSTATE is in ``sqlstate``."""

    sqlstate: str | None = None


class LockNotAvailable(RollbackError):
    """A lock was not granted within lock_timeout (SQLSTATE 55P03); who holds it is named in the problem."""


class VerificationFailed(RollbackError):
    """The database is not in the declared end state; the transaction that did the work is rolled back."""


class Declined(RollbackError):
    """Nobody approved: an approver said no, or no answer came inside the decision window."""


@dataclass(eq=False)
class PlanChanged(Declined):
    """The plan is no longer the one that was approved, so the approval is void; ``changes`` lists what changed."""

    changes: Sequence[str] = field(default_factory=tuple)


class Withdrawn(RollbackError):
    """The run was ended from outside, through Prefect, before anything was committed; nobody is known who did."""


class Refused(RollbackError):
    """The rules say that this must not be rolled back."""


@dataclass(eq=False)
class Blocked(Refused):
    """The plan cannot go ahead; ``reasons`` lists why, each with its remedy."""

    reasons: Sequence[str] = field(default_factory=tuple)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  - {printable.line(reason)}" for reason in self.reasons)])


@dataclass(eq=False)
class NotEntitled(RollbackError):
    """An answer does not count, and the run goes on waiting."""

    alarming: bool = False
    """Whether somebody may be trying: it counts as a wrong answer of its source, and people should hear of it."""
    proved: bool = False
    """Whether the code proved who answers; something else was missing."""


class ProgramMissing(RollbackError):
    """A program that the runbook needs is not on this machine, or is too old for the server."""


@dataclass(eq=False)
class ProgramFailed(RollbackError):
    """A program ended with an error; the end of what it said is in the problem, all of it in ``stderr``."""

    exit_code: int = 1
    stderr: str = ""
    stdout: str = ""


class BackupFailed(RollbackError):
    """The backup could not be taken, or what was taken did not pass its check."""


class RehearsalRefused(RollbackError):
    """A rehearsal would touch production, or a database that is not its own."""


class RehearsalFailed(RollbackError):
    """A rehearsal did not come to a good end; it is recorded, and staging was put back."""


class CloneFailed(RollbackError):
    """The clone of production was not made, or not masked; staging is as it was."""


class ReleaseUnusable(RollbackError):
    """The tree, the tag or the compose file cannot be used to bring the previous release back."""


class ReleaseUnfit(RollbackError):
    """The previous release does not work on the database as it is."""


class ServiceUnhealthy(RollbackError):
    """A service is not in the state it was told to be in."""


class NotificationFailed(RollbackError):
    """Somebody could not be told; the rollback itself is not touched by it."""
