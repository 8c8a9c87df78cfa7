"""Going on after the commit: with what was approved, and only where journal, seals and catalogue agree.

- The journal says under this worker's seal that a run committed, and the catalogue shows it: it is gone on with, by its
  own request. What is asked for now may say the same, or nothing; another release needs an approval of its own.
- The catalogue shows a rolled-back schema, and the journal's word has no seal of this worker's: going on needs an
  approval too. So after a run of an earlier version, of another worker, or a row that somebody wrote.
- The catalogue does not show it: the journal is not believed; the run begins as if there were none.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from runbook import database, figures, journal, sealed
from runbook.approval import proposals
from runbook.errors import Refused
from runbook.models import Claim, MigrationState, Plan, Release
from runbook.planning import plan as plans
from runbook.planning import plandata
from runbook.request import RollbackRequest
from runbook.runs import Run
from runbook.safekeeping.kept import Copy
from runbook.schema import verification

log = logging.getLogger(__name__)

STATE = "The database is rolled back and committed; nothing else was changed by this run."
DEAD = "the journal does not say that it committed"
DOES = ("oauth", "gemini", "backup")
"""What a request says about the transaction; it cannot be changed any more. Words about the incident do nothing now."""


def find(run: Run) -> None:
    """Find out whether an earlier run has to be gone on with, and make ``run`` go on with it.

    Raises Refused when that was another incident's, or when other things are asked for than were approved.
    """
    claims = list(_claims(run))
    if not claims:
        return
    states = plans.migration_states(run.side, run.settings)
    found = _proved(claims, states) or _doubtful(claims, run.request, states)
    for one in claims:
        if one is not found and one.outcome != "done" and one.why != DEAD:
            run.doubts.append(_not_believed(one, states))
    if found:
        _go_on(run, found)


def rolled_back(run: Run) -> bool:
    """Tell whether the catalogue looks as a rollback by this run's request leaves it."""
    return _fits(run.request.model_dump(), plans.migration_states(run.side, run.settings))


def keeps(run: Run, copy: Copy) -> str:
    """Say why a snapshot must not be dropped although the journal says that it may go; empty: it may.

    It may be the only backup, so that somebody who can write to the journal must not have it dropped.
    """
    if not copy.committed:
        return "its run is said to have changed nothing, and the database is rolled back" if rolled_back(run) else ""
    steps = journal.steps(run.side, run.id, run.settings)
    proved = any(one.name == "portable dump" and one.outcome == "done" for one in steps)
    return "" if proved else "this worker did not write that its portable dump is proved"


def _proved(claims: Sequence[Claim], states: Mapping[str, MigrationState]) -> Claim | None:
    """Return the newest run that committed for certain, unless it came to its end."""
    newest = next((one for one in claims if one.proved), None)
    return newest if newest and newest.outcome != "done" and _fits(newest.request, states) else None


def _doubtful(claims: Sequence[Claim], request: RollbackRequest, states: Mapping[str, MigrationState]) -> Claim | None:
    """Return the newest run that may have committed: the catalogue looks like it, and no seal says so."""
    for one in claims:
        if one.proved:
            return None
        if one.outcome != "done" and _fits({"oauth": request.oauth}, states):
            return one
    return None


def _claims(run: Run) -> Iterator[Claim]:
    """Yield the runs of which the journal says that they committed, or were killed with the services stopped."""
    dead = {row["id"] for row in run.dead if row["stopped"]}
    for row in journal.runs(run.side, run.settings):
        if row["claimed"] or row["id"] in dead:
            why = _why(run, row)
            given = (
                row["id"],
                sealed.shown(row["incident"]),
                row["started"],
                row["request"],
                row["plan"],
                row["outcome"],
            )
            yield Claim(*given, proved=not why, why=why)


def _why(run: Run, row: Mapping[str, Any]) -> str:
    """Say why a run is not believed to have committed; empty: it is."""
    if not row["proved"]:
        return "the run's row has no seal of this worker's"
    if not row["claimed"]:
        return DEAD
    if not row["committed"]:
        return "the row of its commit has no seal of this worker's"
    return _ended_or_elsewhere(run, row) or _unapproved(run, row)


def _ended_or_elsewhere(run: Run, row: Mapping[str, Any]) -> str:
    """Say why a run that committed is not the one to go on with here; empty: it may be."""
    if row["outcome"] != "done" and proposals.came_to_end(run, row["id"]):
        return "this worker's store says that it was done: somebody opened it again"
    known = row["plan"].get("identity", {})
    here = (run.identity.system_identifier, run.identity.oid)
    return "" if (known.get("system_identifier"), known.get("oid")) == here else "it was another database's"


def _unapproved(run: Run, row: Mapping[str, Any]) -> str:
    """Say that nobody is known to have approved a run's plan; empty: somebody did."""
    given = database.query(run.side, "journal_approval_of", run=row["id"])
    approved = [one for one in given if sealed.is_approval(run.settings, row["id"], one)]
    if any(one["decision"] == "approve" and one["plan_hash"] == row["plan_hash"] for one in approved):
        return ""
    return "no approval of its plan has a seal of this worker's"


def _fits(request: Mapping[str, Any], states: Mapping[str, MigrationState]) -> bool:
    """Tell whether the catalogue looks as a rollback by this request leaves it."""
    gone = ["010", "011", *(["012"] if request.get("oauth") != "keep" else [])]
    gone += ["013"] if request.get("gemini") == "remove" else []
    return all(states[number] == "absent" for number in gone)


def _not_believed(claim: Claim, states: Mapping[str, MigrationState]) -> str:
    found = ", ".join(f"{number} {state}" for number, state in sorted(states.items()))
    why = f" ({claim.why})" if claim.why else ""
    return (
        f"The journal says that run {claim.run} for {claim.incident} committed{why}. The catalogue says: {found}. The "
        "journal is not believed; this run begins as if there were no such row. Find out who wrote it."
    )


def _go_on(run: Run, claim: Claim) -> None:
    """Make a run the one that goes on. Raises Refused."""
    if claim.incident != run.request.incident:
        raise Refused(
            f"The rollback for {claim.incident} committed and was not finished.",
            f"Finish it: rollback run --incident {claim.incident} … goes on where it stopped.",
            "The database is rolled back; this run touched nothing.",
        )
    log.info("Incident %s: run %s committed and was not finished; going on with it.", claim.incident, claim.run)
    run.claim, run.committed = claim, True
    run.dead = [row for row in run.dead if row["id"] != claim.run]
    if claim.proved:
        run.id, run.request, run.unapproved = claim.run, _recorded(run, claim), _other_tag(run, claim)
        return
    run.unapproved = True
    run.doubts.append(
        f"Run {claim.run} for {claim.incident} may have committed, and it is not proved who approved it: {claim.why}. "
        "The catalogue shows a schema that is rolled back. Going on (release, services, messages) needs this approval."
    )


def _recorded(run: Run, claim: Claim) -> RollbackRequest:
    """Return the recorded request, with what may be asked for otherwise. Raises Refused with each difference."""
    then, now, said = RollbackRequest.model_validate(claim.request), run.request, run.request.model_fields_set
    other = [name for name in DOES if name in said and getattr(now, name) != getattr(then, name)]
    if other:
        lines = [f"{name}: approved '{getattr(then, name)}', asked for now '{getattr(now, name)}'" for name in other]
        raise Refused(
            f"The rollback for {claim.incident} committed with other parameters than these. {'; '.join(lines)}.",
            "Ask again with what was approved, or leave it out: the recorded request counts.",
            STATE,
        )
    late = then.late_reason or f"The transaction of {claim.incident} committed; this decides how it goes on."
    tag = {"previous_tag": now.previous_tag, "late_reason": late} if _other_tag(run, claim) else {}
    return then.model_copy(update={"notify_users": then.notify_users and now.notify_users, **tag})


def _other_tag(run: Run, claim: Claim) -> bool:
    """Tell whether another release is asked for than was approved."""
    return run.request.previous_tag not in (None, claim.request.get("previous_tag"))


def settle(run: Run, drawn: Plan) -> Plan:
    """Return the plan by which a run goes on: the approved one where it still fits, else one to be approved."""
    if run.claim is None:
        return replace(drawn, proposals=run.proposals, warnings=[*run.doubts, *drawn.warnings])
    begun = f"run {run.claim.run} of {figures.moment(run.claim.started)}"
    known = plandata.read(run.claim.plan) if run.claim.proved else replace(drawn, release=None)
    other = _other_release(known.release, drawn.release) if run.claim.proved else ""
    if other:
        run.unapproved = True
        run.doubts.append(f"The release is not the one that was approved: {other}. It needs an approval of its own.")
    kept = known if run.claim.proved else drawn
    plan = replace(kept, release=drawn.release, services=drawn.services, blockers=drawn.blockers)
    plan = replace(plan, taken_up=f"goes on with {begun}", warnings=[*run.doubts, *drawn.warnings])
    return plan if not run.unapproved else replace(plan, drawn_at=drawn.drawn_at, hash=plandata.plan_hash(plan))


def _other_release(approved: Release | None, now: Release | None) -> str:
    """Say in what the release differs from the one that was approved; empty: in nothing."""
    then, found = (f"{one.tag} at {one.commit}" if one else "none" for one in (approved, now))
    return f"approved {then}, now {found}" if then != found else ""


def confirm(run: Run, plan: Plan) -> None:
    """Write down that going on was approved; what is not proved is first looked at in the database itself.

    Raises VerificationFailed where the schema is not as a rollback leaves it.
    """
    if run.claim and run.claim.proved:
        journal.replace_plan(run, plan, run.claim.started)
    elif run.claim:
        with journal.step(run, "verify the schema") as found:
            checks = verification.database(run.side, plan, run.settings)
            verification.judge(checks)
            found.update(checks=len(checks), went_on_with=str(run.claim.run))
        journal.bury(run, run.claim.run, f"Not believed ({run.claim.why}); run {run.id} went on in its place.")
