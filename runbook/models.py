"""What steps hand to one another: plain, frozen, and free of Prefect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from runbook.outlook import Alternative, Forecast, Means, Rehearsal, Trial, Verdict

MigrationState = Literal["applied", "partial", "absent"]
Outcome = Literal["running", "done", "skipped", "open", "failed"]


@dataclass(frozen=True)
class Identity:
    """Which database this is: proves that each step speaks to the one the plan was drawn for."""

    system_identifier: int
    database: str
    server_version: int
    """As in server_version_num, such as 160014."""
    oid: int = 0
    """The database's own number: another one put in its place under the same name has another."""

    @property
    def major(self) -> int:
        """The server's major version, such as 16."""
        return self.server_version // 10000


@dataclass(frozen=True)
class Script:
    """A rollback script as it will run."""

    migration: str
    name: str
    """Its path below sql/."""
    sha256: str
    action: Literal["run", "skip"]
    why: str

    @property
    def title(self) -> str:
        """Its name in words, as the procedure has it: ``012 rollback oauth``."""
        return self.name.rpartition("/")[2].removesuffix(".sql").replace("_", " ")


@dataclass(frozen=True)
class Session:
    """A connection to the database that is not the runbook's."""

    pid: int
    application: str
    user: str
    address: str
    state: str
    query_seconds: float
    kind: str = "client backend"
    """What it is, in pg_stat_activity's words: a client, a walsender (reads a slot), or a background worker."""
    transaction_began: datetime | None = None
    """When its transaction began; None: none is open, or this role is not told."""


@dataclass(frozen=True)
class Project:
    """A compose project: the program, and by what name, files and profiles it finds the application's containers."""

    program: Sequence[str]
    """The compose program's words, such as ("docker", "compose")."""
    name: str = ""
    """Empty: as compose itself finds it."""
    files: Sequence[str] = ()
    """Compose files, by their path in the tree or else an absolute one. Empty: those that compose itself finds."""
    folder: str = ""
    """The project directory, by its path in the tree. Empty: the first compose file's."""
    profiles: Sequence[str] = ()
    environment_files: Sequence[str] = ()
    """What ``--env-file`` named. Empty: .env, where there is one."""
    classic: bool = False
    """Whether the program is docker-compose of the first generation."""

    @property
    def words(self) -> str:
        """The program as an operator types it in the application's tree."""
        options = [("--project-name", self.name), ("--project-directory", self.folder)]
        options += [("--file", file) for file in self.files]
        options += [("--env-file", file) for file in self.environment_files]
        options += [("--profile", profile) for profile in self.profiles]
        return " ".join([*self.program, *(f"{option} {value}" for option, value in options if value)])


@dataclass(frozen=True)
class Release:
    """The release that comes back."""

    tag: str
    commit: str
    current: str
    """What is checked out now: a tag, or a commit."""
    compose: Project
    checks: Sequence[str] = ()
    """How it is checked before it is started, in words."""
    warnings: Sequence[str] = ()
    """What does not stand in its way, and should be known."""
    blockers: Sequence[str] = ()
    """What forbids to begin a rollback to it, each with its remedy; one that has committed goes on."""
    containers: Sequence[str] = ()
    """The containers that stop, by their names."""
    replicas: Mapping[str, int] = field(default_factory=dict)
    """How many containers a service has, where it has more than one."""


@dataclass(frozen=True)
class Firing:
    """A trigger, rule or event trigger of the team's that fires on what the transaction does."""

    kind: str
    name: str
    table: str
    """Empty for an event trigger."""
    events: Sequence[str]
    function: str
    writes: Mapping[str, Sequence[str]]
    """Kinds of statements by table, as far as the text of its function shows."""
    readable: bool
    """Whether that text shows all of it: no EXECUTE, no language that cannot be read here."""
    sets: Sequence[str] = ()
    """Columns of the very row that its text sets before the row is written."""


@dataclass(frozen=True)
class Check:
    """One comparison of what was expected with what was found."""

    name: str
    expected: str
    found: str
    passed: bool


@dataclass(frozen=True)
class Step:
    """One step of a run, as the journal has it."""

    name: str
    started: datetime
    ended: datetime | None
    outcome: Outcome
    found: Mapping[str, object] = field(default_factory=dict)
    """What the step found, as JSON can hold it."""

    @property
    def seconds(self) -> float:
        """How long it took, in s; 0 while it runs."""
        return (self.ended - self.started).total_seconds() if self.ended else 0.0


@dataclass(frozen=True)
class Claim:
    """An earlier run of which the journal says that it has to be gone on with."""

    run: UUID
    incident: str
    started: datetime
    request: Mapping[str, Any]
    plan: Mapping[str, Any]
    """Request and plan as the journal has them."""
    outcome: str
    proved: bool
    """Whether this worker wrote all of it: the run, its commit and its approval."""
    why: str = ""
    """What is not as this worker would have written it."""


@dataclass(frozen=True)
class Try:
    """One answer to a run that waited for its approval, whether or not it counted; never holds a code."""

    came: datetime
    door: str
    """Through which door it came, as far as that is known."""
    name: str
    """As it was given: nothing proves it where the try was refused."""
    role: str
    decision: str
    plan: str
    """The plan's hash, as far as the answer named it."""
    comment: str
    lead_unreachable: str
    """Why the Team Lead could not be reached, as the On-call Engineer said."""
    without_rehearsal: str
    """Why it goes without a fresh rehearsal, as the approver said."""
    accepted: bool
    why: str
    """Why it did not count."""


@dataclass(frozen=True)
class Plan:
    """What would happen, to which database, and what stands in the way."""

    identity: Identity
    drawn_at: datetime
    verdict: Verdict
    identified_at: datetime
    decide_by: datetime
    """When the decision must have fallen."""
    migrations: Mapping[str, MigrationState]
    scripts: Sequence[Script]
    oauth: str
    gemini: str
    users: Mapping[str, int]
    """Users by kind."""
    removed: Mapping[str, int]
    """Rows whose values leave their table, by what leaves; they are kept in the backup and in schema rollback."""
    placeholders: Mapping[str, int]
    """Rows that get a declared placeholder, by column."""
    cascade: Mapping[str, int]
    """Rows that deleting OAuth-only users takes along, by table."""
    sessions: Sequence[Session]
    database_bytes: int
    release: Release | None
    services: Sequence[str]
    backup: Means
    """How the backup is taken, and why."""
    blockers: Sequence[str]
    """Reasons why it cannot go ahead, each with its remedy."""
    warnings: Sequence[str]
    unlinked: Mapping[str, int] = field(default_factory=dict)
    """Rows that stay and lose their link to a deleted row, by table and foreign key."""
    drift: Sequence[str] = ()
    """What differed from the baseline before, in places that no migration touches."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Rows of the tables that lose values which stay themselves."""
    blocking: Mapping[str, int] = field(default_factory=dict)
    """Rows that forbid the choice for OAuth users, by table."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes of the largest tables with their indexes, and what a backup takes at most."""
    forecast: Forecast | None = None
    alternatives: Sequence[Alternative] = ()
    fires: Sequence[Firing] = ()
    """What of the team's fires on what the transaction writes; the rows that it writes are accepted."""
    unguarded: Sequence[str] = ()
    """Foreign keys that let orphans exist, as they were before."""
    rehearsal: Rehearsal | None = None
    """The newest rehearsal of these scripts; None: none is asked for."""
    trial: Trial | None = None
    """What came of trying it on a copy of the schema; None: there was nothing to try."""
    taken_up: str = ""
    """What a run that goes on after the commit goes on with, in a sentence; empty: nothing was done yet."""
    proposals: Sequence[str] = ()
    """Earlier proposals for this database, a line each."""
    made_of: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of what runs besides the three scripts: the rest of sql/, the program, the settings."""
    hash: str = ""
    """SHA-256 over everything that matters."""

    @property
    def needed(self) -> bool:
        """Whether there is anything to roll back; what is applied and was chosen to be kept is not counted."""
        kept = {"012": self.oauth == "keep", "013": self.gemini == "keep"}
        return any(
            state == "partial" or (state == "applied" and not kept.get(number))
            for number, state in self.migrations.items()
        )
