"""The story of a rollback: its order, its gates, and the way back before the point of no return."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows import runpage, watching
from flows.watching import Stopped, Watch
from runbook import journal, resumption, runs
from runbook.approval import proposals
from runbook.errors import Declined, PlanChanged, Refused, SecondRunner, Withdrawn
from runbook.models import Check, Plan
from runbook.planning import planpage
from runbook.request import RollbackRequest
from runbook.runs import Run
from runbook.telling import ending
from runbook.telling.summary import Summary, Verdict
from tasks.assess import assess
from tasks.authorise import authorise
from tasks.back_up import back_up
from tasks.fence import fence
from tasks.notify import notify, notify_rest
from tasks.open_and_start import open_and_start
from tasks.portable_dump import portable_dump
from tasks.prepare_release import prepare_release
from tasks.reopen import reopen
from tasks.restore_release import restore_release
from tasks.run_script import run_script
from tasks.settle_users import settle_users
from tasks.stop_services import stop_services
from tasks.take_over import take_over
from tasks.verify import verify
from tasks.verify_schema import verify_schema


@flow(name="rollback", flow_run_name=runpage.name, on_running=[runpage.keep], persist_result=False)
def rollback(request: RollbackRequest) -> State[Any]:
    """Take the DigitalTwin transformation (migrations 010 to 013) back.

    Nothing is touched before somebody entitled approves the plan. Up to the commit any failure leaves the database as
    it was and the services running again on the release they had; after it, run this again for the same incident and
    it goes on where it stopped.
    """
    with watching.watched() as watch:
        try:
            with runs.opened(request, runpage.load()) as run, runpage.shown(run):
                state = take_back(run, watch)
        except SecondRunner as busy:
            return Cancelled(name="Refused", message=str(busy), data=busy)
        except Stopped as stop:  # before there was anything to tell of
            return Cancelled(message=str(stop.why))
        watch.settle(state)
        return state


def take_back(run: Run, watch: Watch) -> State[Any]:
    """From the assessment to the portable dump; however it ends, people are told."""
    plan = None
    try:
        resumption.find(run)
        if not run.committed:
            proposals.record(run)
        if run.dead:
            take_over(run)
        plan = assess(run)
        if not run.committed and not plan.needed:
            return tell_the_rest(run, plan)
        if run.unapproved:
            go_on(run, plan)
        if not run.committed:
            authorise(run, plan)
            prepare_release(run, plan)
            change(run, plan, watch)
        watch.open = False
        checks = bring_back(run, plan, watch)
        summary = notify(run, plan, "done", checks)
    except (Declined, Refused) as end:
        watch.open = False
        outcome: Verdict = "declined" if isinstance(end, Declined) else "refused"
        notify(run, plan, outcome, error=end)
        return Cancelled(name=outcome.capitalize(), message=str(end))
    except BaseException as failure:
        watch.open = False
        return fail(run, plan, failure, watch)
    portable_dump(run, summary)
    return told(summary)


def go_on(run: Run, plan: Plan) -> None:
    """After the commit: what was not approved, or by nobody knows whom, needs an approval of its own."""
    try:
        authorise(run, plan)
    except (Declined, Withdrawn) as no:
        no.state = resumption.STATE
        raise
    resumption.confirm(run, plan)


def fail(run: Run, plan: Plan | None, failure: BaseException, watch: Watch) -> State[Any]:
    """Tell how a run ended before its time. Raises the failure, unless somebody ended the run at Prefect.

    A worker ends a cancelled run by a signal: that run ends by itself now, and Prefect need not call it crashed.
    """
    why = watch.explained(failure)
    if why is None:
        ending.explain(failure, notify(run, plan, "failed", error=failure))
        raise failure
    ending.explain(why, notify(run, plan, "cancelled", error=why))
    return Cancelled(message=str(why))


def change(run: Run, plan: Plan, watch: Watch) -> None:
    """Everything between stopping the services and the commit; whatever fails, we go back to where we were."""
    try:
        try:
            stop_services(run, plan)
            before = fence(run)
            back_up(run, plan)
            with runs.transaction(run):
                settle_users(run, plan)
                for script in plan.scripts:
                    run_script(run, script)
                verify_schema(run, plan, before)
                watch.close()
        finally:
            watch.open = False  # whoever ends the run from here on does not keep it from going back
    except PlanChanged:
        raise  # seen before anything was stopped
    except BaseException:
        reopen(run, plan)
        raise


def tell_the_rest(run: Run, plan: Plan) -> State[Any]:
    """With nothing to roll back: tell who still waits to be told of this incident's rollback, if there is anybody."""
    proposals.end(run, "nothing to roll back")
    if not ending.take_up(run):
        return Completed(message=f"{planpage.verdict(plan)}.")
    return told(notify_rest(run, plan))


def told(summary: Summary) -> State[Any]:
    """The rollback is done; while somebody waits to be told, the run's state says so."""
    waits = summary.told is not None and summary.told.open
    return Completed(name="Notify open" if waits else "Completed", message=ending.last_words(summary))


def bring_back(run: Run, plan: Plan, watch: Watch) -> list[Check]:
    """Everything after the commit: the way is forward, also for a run that somebody ended at Prefect."""
    restore_release(run, plan)
    open_and_start(run, plan)
    checks = verify(run, plan)
    if late := watch.look():
        with journal.step(run, "told to end") as found:
            found["skipped"] = f"too late, the transaction had committed: {late.problem}"
    return checks
