"""Plan, run and verify on one database, in the flow's own order, without Prefect's engine around it.

Each task is replaced by its plain function. Nobody is asked for an approval, and no application is managed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import psycopg
from prefect import Task

from flows import rollback as story
from flows.watching import Watch
from runbook import journal, runs, settings
from runbook.errors import Blocked, RollbackError
from runbook.models import Plan
from runbook.planning import plan, planpage
from runbook.request import RollbackRequest
from runbook.runs import Run
from tests import runbook_runs
from tests.databases import Database, Templates
from tests.hostile import judging, made, oracle
from tests.hostile.case import Case
from tests.hostile.references import Reference

SERVER = {"wal_level": "logical", "max_prepared_transactions": "10"}
"""What the servers are started with."""


@dataclass
class Outcome:
    """What became of a plan, and of the run that followed it."""

    page: str = ""
    """The plan as a person reads it, or what was said in its place."""
    blockers: Sequence[str] = ()
    done: bool = False
    failed: str = ""
    """Why the run ended otherwise than it should."""
    wrong: list[str] = field(default_factory=list)
    """What is not as it should be; empty: all is well."""

    @property
    def word(self) -> str:
        """Say in two words how it ended."""
        return "failed" if self.failed else "goes ahead" if self.done else "blocked"


@contextmanager
def added(templates: Templates, cases: Sequence[Case]) -> Iterator[Database]:
    """Lend a database to which the cases were added; what reaches beyond it is taken back. Raises psycopg.Error."""
    with ExitStack() as stack:
        for case in cases:
            stack.callback(_undo, Database(templates.server, "postgres"), case.undo_after)
        database = stack.enter_context(made.lent(templates, cases[0]))
        for case in cases:
            stack.callback(_undo, database, case.undo)
            apply(database, case.sql)
        yield database


def _undo(database: Database, text: str) -> None:
    with oracle.connect(database) as conn:
        conn.autocommit = True
        for statement in statements(text.replace("{database}", database.dbname)):
            conn.execute(statement.encode())


def apply(database: Database, text: str) -> None:
    """Run a case's SQL, a statement at a time, as a person with psql does. Raises psycopg.Error."""
    with _connected(database) as conn:
        for statement in statements(text.replace("{database}", database.dbname)):
            conn.execute(statement.encode())


def holds(database: Database, query: str) -> bool:
    """Tell whether a query returns true."""
    with _connected(database) as conn:
        row = conn.execute(query.encode()).fetchone()
        return bool(row and row[0])


def _connected(database: Database) -> psycopg.Connection[tuple[object, ...]]:
    """Connect as a person does; what other cases set for the database does not hold here."""
    options = f"{oracle.PINNED} -c search_path=public,extensions -c client_min_messages=error"
    conn = psycopg.connect(database.conninfo, autocommit=True, options=options, client_encoding="utf8")
    if conn.info.server_version >= oracle.TRANSACTION_TIMEOUT:
        conn.execute("SET transaction_timeout = 0")
    return conn


def statements(text: str) -> list[str]:
    """Split at the semicolons that end a line; what stands between dollars stays whole."""
    found, inside = [""], False
    for line in text.splitlines(keepends=True):
        found[-1] += line
        inside ^= bool(line.count("$$") % 2)
        if line.rstrip().endswith(";") and not inside:
            found.append("")
    return [one for one in found if one.strip()]


def asked(cases: Sequence[Case]) -> RollbackRequest:
    """Return the request that the cases need."""
    wanted = {name: value for case in cases for name, value in case.request.items()}
    return RollbackRequest.model_validate({**runbook_runs.REQUEST, "notify_users": False, **wanted})


def tried(database: Database, cases: Sequence[Case], reference: Reference) -> Outcome:
    """Plan; run if the plan can go ahead; compare all that there is with all that there was."""
    request = asked(cases)
    before = oracle.look(database)
    env = {name: value for case in cases for name, value in case.env.items()}
    env |= {"PGUSER": case.role} if (case := cases[0]).role else {}
    with mock.patch.dict("os.environ", env):
        outcome = _run(request)
    after = oracle.look(database)
    if outcome.done:
        outcome.wrong += judging.unannounced(before, after, request, outcome.page, reference)
        outcome.wrong += judging.not_reached(after, request, cases, outcome.page, reference)
    elif "public.digital_twins" in after.relations and "public.digital_twins" not in before.relations:
        outcome.wrong.append("it failed after its commit")
    else:
        outcome.wrong += [
            f"changed by a run that was {outcome.word}: {one}" for one in judging.differences(before, after)
        ]
    if outcome.failed:
        outcome.wrong.append(f"the plan could go ahead, and the run failed: {outcome.failed}")
    return outcome


def _run(request: RollbackRequest) -> Outcome:
    """Take the flow's own way from the assessment to its end."""
    outcome = Outcome()
    try:
        with runs.opened(request, settings.load()) as run, _plainly(outcome):
            state = story.take_back(run, Watch(None))
        outcome.done = state.is_completed()
        if not outcome.done and not outcome.blockers:
            outcome.failed = str(state.message)
    except RollbackError as error:
        if not outcome.page and not outcome.failed:  # not even a plan could be asked for
            outcome.page, outcome.blockers = str(error), [str(error)]
        elif not outcome.blockers:
            outcome.failed = outcome.failed or f"{type(error).__name__}: {error.problem}"
    except Exception as error:  # a traceback, where there should be a sentence
        outcome.failed = _left(error)
    return outcome


def _left(error: Exception) -> str:
    return f"{type(error).__name__} left the runbook: {error}"


@contextmanager
def _plainly(outcome: Outcome) -> Iterator[None]:
    """Replace each task of the flow by its plain function, and the four that need Prefect by what remains of them."""

    def assess(run: Run) -> Plan:
        try:
            drawn = plan.draw(run.work, run.request, run.settings, own=run.pids)
        except RollbackError as error:
            outcome.page = str(error)
            outcome.blockers = error.reasons if isinstance(error, Blocked) and error.reasons else [str(error)]
            raise
        except Exception as error:
            outcome.failed = _left(error)
            raise
        outcome.page = planpage.plan_markdown(drawn, run.request, drawn.drawn_at)
        outcome.blockers = drawn.blockers
        plan.check(drawn)
        return drawn

    plain: dict[str, Any] = {
        name: task.fn for name, task in vars(story).items() if isinstance(task, Task) and callable(task)
    }
    plain |= {
        "assess": assess,
        "authorise": lambda run, drawn: journal.begin(run, drawn, None),
        "portable_dump": lambda run, summary: None,
    }
    with (
        mock.patch.multiple(story, **plain),
        mock.patch("tasks.verify.shown", lambda draw: None),
        mock.patch("tasks.notify.shown", lambda draw: None),
        mock.patch("tasks.back_up.progress", _unseen),
    ):
        yield


@contextmanager
def _unseen(key: str, words: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show no progress."""
    yield lambda done, whole, said: None
