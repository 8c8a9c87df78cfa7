"""The attempt: the transaction, what is asked after its commit, and the way back, each tried on the schema copy."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg

from runbook import database
from runbook.application import fitness
from runbook.errors import RollbackError, StatementFailed
from runbook.models import Plan
from runbook.planning.trial import sample_rows
from runbook.planning.trial.sample_rows import Sample
from runbook.safekeeping import snapshot
from runbook.safekeeping.snapshot import Snapshot
from runbook.schema import catalogue, endstate, transaction, verification
from runbook.schema.transaction import Result
from runbook.settings import Settings

NOT_PERMITTED, TOO_LONG = "42501", "57014"
"""SQLSTATE of what the role may not do, and of a statement that its time limit ended."""

SENT = r" \g /dev/null"
"""How psql sends a statement of which nobody wants to see the rows."""
VERIFY_SCHEMA = "verify the schema"
UNANNOUNCED = "rows would change that the plan does not name"
BASELINE = "Bring what is named to what it should be (sql/end_state.csv lists the baseline), then plan again."
KEEP = "Drop what is named yourself and make it again after the rollback, then plan again."
WRITES = "Find out what writes these rows (a trigger, a rule) and disable it for the rollback, then plan again."
ADVICE = {
    "2BP01": "Drop what is named and make it again after the rollback, then plan again.",
    "P0001": "Find out why it forbids this; disable it for the rollback (ALTER … DISABLE), then plan again.",
    NOT_PERMITTED: "Give this role the right, or plan as the owner.",
}
"""What to do, by SQLSTATE: something depends on it, a function of the team's raises, a right is missing."""


@dataclass(frozen=True)
class Failure:
    """One thing that went wrong."""

    step: str
    """The step of the run that would fail: a migration's number, or the step's name."""
    problem: str
    remedy: str


def transaction_and_after(name: str, plan: Plan, settings: Settings, seconds: float) -> list[Failure]:
    """Run the transaction on the copy ``name``, commit it, and ask what is asked after the commit.

    A script that fails does not keep the next one from being tried. Raises RollbackError when it takes longer than
    ``seconds`` in one statement, or the copy is gone.
    """
    with _connected(name, seconds) as conn:
        found: list[Failure] = []
        _try(found, "commit", lambda: _transaction(conn, plan, settings, found))
        if not found:
            _after_commit(conn, plan, settings, found)
        return found


def with_rows(
    name: str, plan: Plan, settings: Settings, samples: Sequence[Sample], seconds: float
) -> tuple[list[Failure], list[str]]:
    """Run the transaction on the copy ``name`` with some rows in it, and take everything back.

    Return what fails, and which rows could not be put there. Raises what ``transaction_and_after`` raises.
    """
    found: list[Failure] = []
    # Committed first, since PostgreSQL asks a foreign key again for each row that its own transaction made; and over a
    # connection of its own, whose rows the transaction's counters do not count.
    with _connected(name, seconds) as conn:
        lacking = sample_rows.load(conn, samples)
    with _connected(name, seconds) as conn, database.translated(), conn.transaction(force_rollback=True):
        _statements(conn, plan, settings, found, on=False)
        if not found:
            _try_inside(conn, found, "commit", lambda: conn.execute("SET CONSTRAINTS ALL IMMEDIATE"))
            if lines := endstate.unannounced(plan, transaction.row_changes(conn), settings.tolerated):
                found.append(Failure(VERIFY_SCHEMA, f"{UNANNOUNCED}: {'; '.join(lines)}", WRITES))
    with _connected(name, seconds) as conn:
        sample_rows.clear(conn, samples)
    return found, lacking


@contextmanager
def _connected(name: str, seconds: float) -> Iterator[psycopg.Connection]:
    """Connect to the copy; no statement may take longer than ``seconds``, and none is synced to the disk."""
    with closing(database.connect(name)) as conn:
        conn.execute("SELECT set_config('statement_timeout', %s, false)", [f"{int(seconds * 1000) + 1}ms"])
        conn.execute("SET synchronous_commit = off")
        yield conn


def _transaction(conn: psycopg.Connection, plan: Plan, settings: Settings, found: list[Failure]) -> None:
    with database.transaction(conn):
        before = catalogue.read(conn)
        _statements(conn, plan, settings, found)
        if not found:
            found += _differences(transaction.result(conn, plan, settings, before))


def _statements(
    conn: psycopg.Connection, plan: Plan, settings: Settings, found: list[Failure], *, on: bool = True
) -> None:
    """Run what the transaction runs, each step in a savepoint; ``on``: go on after one that failed."""
    transaction.set_options(conn, settings, plan.gemini)
    conn.execute("SET LOCAL synchronous_commit = off")  # a standby that is gone must not hold the copy's commit up
    _try_inside(conn, found, "handle OAuth users", lambda: transaction.handle_oauth_users(conn, plan))
    for script in plan.scripts:
        if script.action == "run" and (on or not found):
            _try_inside(conn, found, script.migration, partial(transaction.run_script, conn, script))


def _try_inside(conn: psycopg.Connection, found: list[Failure], step: str, act: Callable[[], object]) -> None:
    """Try something in a savepoint, so that what follows can be tried as well."""

    def inside() -> None:
        with database.transaction(conn):
            act()

    _try(found, step, inside)


def _try(found: list[Failure], step: str, act: Callable[[], object]) -> None:
    """Do something; what PostgreSQL refuses becomes a failure, a statement that takes too long ends the trial."""
    try:
        act()
    except StatementFailed as error:
        if error.sqlstate == TOO_LONG:
            raise RollbackError(f"{step} took too long on the copy.", "See ROLLBACK_TRIAL_SECONDS.") from None
        problem = error.problem.removeprefix("PostgreSQL refused: ")
        found.append(Failure(step, problem, ADVICE.get(error.sqlstate or "", "")))


def _differences(result: Result) -> Iterator[Failure]:
    """Yield what would keep the transaction from being committed, one failure a kind."""
    kinds = {
        "the result would not be the declared end state": (result.differences, BASELINE),
        "the rollback would take away what the plan does not name": (result.lost, KEEP),
        UNANNOUNCED: (result.unannounced, WRITES),
    }
    for problem, (lines, remedy) in kinds.items():
        if lines:
            yield Failure(VERIFY_SCHEMA, f"{problem}: {'; '.join(lines)}", remedy)


def _after_commit(conn: psycopg.Connection, plan: Plan, settings: Settings, found: list[Failure]) -> None:
    """Ask what the steps after the commit ask: verify, notify, and the release's declared queries."""
    wrong = [check for check in verification.database(conn, plan, settings) if not check.passed]
    found += [Failure("verify", f"{check.name}: expected {check.expected}, found {check.found}", "") for check in wrong]
    _try(found, "notify", lambda: database.query(conn, "recipients"))
    if plan.release:
        try:
            fitness.run_queries(conn, settings, plan.release)
        except RollbackError as error:
            found.append(Failure("restore release", error.problem, "Name another release, or correct its query set."))


def way_back(
    maintenance: psycopg.Connection, source: psycopg.Connection, name: str, plan: Plan
) -> tuple[list[Failure], list[str]]:
    """Try the way back from a snapshot: its file is parsed, its names and the database's properties are tried.

    They are tried on the copy ``name``, to which nobody is connected, in a transaction that is rolled back. Return
    what fails, and what only this role may not do.
    """
    if plan.backup.method != "snapshot":
        return [], []
    original = plan.identity.database
    taken = Snapshot(snapshot.name(original), clone=False, properties=snapshot.properties(source, original))
    if wrong := database.parse_error(source, _without_psql(snapshot.going_back(original, taken))):
        return [Failure("back up", f"the file that goes back to the snapshot cannot be used: {wrong}", "")], []
    try:
        with database.translated(), maintenance.transaction(force_rollback=True):
            for statement in snapshot.renaming(name, taken.database, snapshot.properties(source, name)):
                maintenance.execute(statement.encode())
    except StatementFailed as error:
        if error.sqlstate == NOT_PERMITTED:
            return [], [f"Going back to the snapshot takes a role that may do more than this one: {error.problem}"]
        return [Failure("back up", f"going back to the snapshot fails: {error.problem}", "")], []
    return [], []


def _without_psql(text: str) -> str:
    """Return the SQL of a file for psql: without its own commands, and with a text for its variable."""
    lines = [line for line in text.splitlines() if not line.startswith("\\")]
    sent = [f"{line.removesuffix(SENT)};" if line.endswith(SENT) else line for line in lines]
    return "\n".join(sent).replace(":'database'", "''")
