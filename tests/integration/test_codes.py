"""One-time codes against those who hold a database, or Prefect's password: what counts rests in the worker's store."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from runbook import journal, private_files, runs, settings, store
from runbook.approval import approverfile, approvers, authority, onetime, tries
from runbook.approval.answer import Answer
from runbook.approval.approvers import Approver
from runbook.approval.authority import Question
from runbook.errors import NotEntitled
from runbook.models import Plan
from runbook.planning import plan as plans
from runbook.request import RollbackRequest
from runbook.runs import Run
from tests import runbook_runs
from tests.databases import ALL, Database

pytestmark = pytest.mark.pg("18")

NOW = datetime(2026, 11, 22, 22, 10, 5, tzinfo=UTC)
DOOR = "test"
Make = Callable[..., Database]
drawn: list[Plan] = []
"""The plan that all of these runs have: one is enough."""


@dataclass(frozen=True)
class Asking:
    """A run that waits, and a clock of the test's own."""

    run: Run
    plan: Plan

    def judge(self, answer: Answer, now: datetime = NOW, *, own: bool = False) -> Answer:
        question = Question(self.plan.hash, NOW, NOW + timedelta(hours=1))
        return tries.judge(self.run, question, answer, DOOR, now, plan=self.plan, own=own)

    def refused(self, answer: Answer, now: datetime = NOW, *, own: bool = False) -> NotEntitled:
        with pytest.raises(NotEntitled) as caught:
            self.judge(answer, now, own=own)
        return caught.value

    def answer(self, name: str = "Ada Lovelace", when: datetime = NOW, **said: Any) -> Answer:
        one = person(name)
        fields = {"decision": "decline", "name": name, "role": one.role, "plan": self.plan.hash[:12], **said}
        return Answer.model_validate({"code": code(one, when), **fields})

    def kept(self) -> str:
        """Return all that the journal holds."""
        return str([vars(one) for one in tries.read(self.run)])


def person(name: str = "Ada Lovelace") -> Approver:
    one = approvers.find(approvers.read(settings.load()), name)
    assert one is not None
    return one


def code(one: Approver, when: datetime = NOW) -> str:
    return onetime.code(one.secret.get_secret_value(), onetime.step(when))


def pair(one: Approver, when: datetime = NOW) -> str:
    return onetime.pair(one.secret.get_secret_value(), when)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLBACK_TRIAL_SECONDS", "0")
    monkeypatch.setenv("ROLLBACK_REHEARSAL_DAYS", "0")


@pytest.fixture
def waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Database], Any]:
    """Return what opens a run on a database; all of a test share approvers and store, as those of one worker do."""

    @contextmanager
    def opened(database: Database) -> Iterator[Asking]:
        runbook_runs.aim(monkeypatch, database, tmp_path)
        wanted = RollbackRequest.model_validate(runbook_runs.REQUEST)
        with runs.opened(wanted, settings.load()) as run:
            drawn.append(drawn[0] if drawn else plans.draw(run.work, wanted, run.settings, own=run.pids))
            journal.begin(run, drawn[0], None)
            yield Asking(run, drawn[0])

    return opened


@pytest.fixture
def asking(transformed: Database, waits: Any) -> Iterator[Asking]:
    with waits(transformed) as one:
        yield one


@pytest.mark.attack(
    "owner",
    "drops the journal, so that a used code counts again",
    "used codes are in the worker's store",
)
def test_a_code_counts_once_in_all_databases_and_not_again_when_a_journal_is_gone(
    transformed: Database, new_database: Make, waits: Any
) -> None:
    with waits(transformed) as first:
        given = first.answer()
        first.judge(given)
        with transformed.connect() as conn:  # what the database's owner can do, or a restored backup
            conn.execute("DELETE FROM rollback.approval_try")
        assert "used before" in first.refused(given).problem
        assert "used before" in first.refused(first.answer(decision="approve"), NOW + timedelta(seconds=20)).problem
    with transformed.connect() as conn:
        conn.execute("DROP SCHEMA rollback CASCADE")
    with waits(transformed) as again:
        assert "used before" in again.refused(again.answer()).problem
    with waits(new_database(forward=ALL)) as elsewhere:
        assert "used before" in elsewhere.refused(elsewhere.answer()).problem
        later = NOW + timedelta(seconds=30)
        assert elsewhere.judge(elsewhere.answer(when=later), later).name == "Ada Lovelace"


@pytest.mark.attack(
    "api",
    "sends one code to two databases at the same moment",
    "judging and marking is one transaction of the store",
)
def test_of_one_code_at_two_databases_at_once_one_counts(transformed: Database, new_database: Make, waits: Any) -> None:
    with waits(transformed) as first, waits(new_database(forward=ALL)) as second, ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(_outcome, (first, second)))
    assert sorted(outcomes) == ["This code was used before. Wait for the next one.", "counts"]


def _outcome(asking: Asking) -> str:
    try:
        asking.judge(asking.answer())
    except NotEntitled as refusal:
        return refusal.problem
    return "counts"


@pytest.mark.attack(
    "api",
    "uses staging's code for production",
    "each target has its own secret",
)
def test_an_entry_of_another_target_counts_nowhere_else_and_its_code_is_burnt_all_the_same(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLBACK_TARGET", "staging")
    grace = approverfile.add(settings.load(), "Grace Hopper", "CTO")
    ada = approverfile.add(settings.load(), "Ada Lovelace", "CTO")
    monkeypatch.setenv("ROLLBACK_TARGET", "test")
    given = {"decision": "approve", "role": "CTO", "plan": asking.plan.hash[:12]}
    refusal = asking.refused(Answer.model_validate({**given, "name": grace.name, "code": code(grace)}))
    assert refusal.problem == "Grace Hopper is not an approver."
    refusal = asking.refused(Answer.model_validate({**given, "name": ada.name, "code": code(ada)}))
    assert refusal.problem == "The code is not Ada Lovelace's."
    with store.transaction(asking.run.settings) as kept:
        burnt = {row["secret"] for row in kept.execute("SELECT secret FROM used_code")}
    assert burnt == {grace.fingerprint, ada.fingerprint}


@pytest.mark.attack(
    "api",
    "reads a code from a comment, or one typed in other digits, and uses it",
    "every code in an answer is used up, and masked wherever it is written",
)
def test_every_code_in_an_answer_is_burnt_and_masked_wherever_and_however_it_is_written(asking: Asking) -> None:
    theo, olga = code(person("Theo Lead")), code(person("Olga Oncall"))
    wide = "".join(chr(ord("\N{FULLWIDTH DIGIT ZERO}") + int(digit)) for digit in olga)
    said = asking.judge(
        asking.answer(comment=f"{theo[:3]}-{theo[3:]}, wrong: 000 001", lead_unreachable=f"\N{ZERO WIDTH SPACE}{wide}")
    )
    assert (said.comment, said.lead_unreachable) == ("(code), wrong: (code)", "\N{ZERO WIDTH SPACE}(code)")
    assert said.code.get_secret_value() == ""
    for name in ("Theo Lead", "Olga Oncall"):
        assert "used before" in asking.refused(asking.answer(name)).problem
    assert not [one for one in (theo, olga, wide, "000 001") if one in asking.kept()]


def test_a_name_and_a_plan_that_hold_a_code_are_masked_and_this_plans_name_is_not(asking: Asking) -> None:
    theo = code(person("Theo Lead"))
    refusal = asking.refused(asking.answer().model_copy(update={"name": f"Mallory {theo}", "plan": theo}))
    assert refusal.problem == "Mallory (code) is not an approver."
    refusal = asking.refused(asking.answer(plan="0123456789ab123456", when=NOW + timedelta(seconds=30)), NOW)
    assert "123456" not in refusal.problem.replace("0123456789ab", "")
    assert theo not in asking.kept()
    asking.refused(asking.answer("Olga Oncall"))
    assert [one.plan for one in tries.read(asking.run)][0::2] == ["(code)", asking.plan.hash[:12]]


@pytest.mark.attack(
    "api",
    "sends wrong codes in an approver's name, so that theirs does not count",
    "wrong answers count against the way they came; two codes in a row always count",
)
def test_wrong_codes_in_a_name_slow_the_source_and_never_the_person(asking: Asking) -> None:
    ada = person()
    for nth in range(authority.LIMIT):
        refusal = asking.refused(asking.answer(code=f"00000{nth}"))
        assert refusal.alarming
    assert authority.TWO_CODES in refusal.problem
    assert tries.demand(asking.run.settings, NOW) == authority.TWO_CODES
    assert asking.refused(asking.answer("Theo Lead")).problem == authority.TWO_CODES  # the source, whoever's name it is
    later = NOW + timedelta(minutes=2)
    assert asking.judge(asking.answer(code=pair(ada, later)), later).name == "Ada Lovelace"
    assert "used before" in asking.refused(asking.answer(code=pair(ada, later)), later).problem
    assert asking.judge(asking.answer("Olga Oncall", lead_unreachable="On a plane until six."), own=True), (
        "the worker's terminal"
    )
    day = NOW + timedelta(days=1, minutes=3)
    question = Question(asking.plan.hash, day, day + timedelta(hours=1))
    tomorrow = asking.answer("Theo Lead", when=day)
    assert tries.judge(asking.run, question, tomorrow, DOOR, day, plan=asking.plan).name == "Theo Lead"


@pytest.mark.attack(
    "api",
    "spreads guesses over runs, databases and names",
    "they add up in the worker's store",
)
def test_wrong_answers_add_up_over_runs_databases_and_names(
    transformed: Database, new_database: Make, waits: Any
) -> None:
    names = ["Ada Lovelace", "Theo Lead", "Nobody Known"]
    for database in (transformed, new_database(forward=ALL)):
        with waits(database) as one:
            for name in names:
                one.refused(one.answer().model_copy(update={"name": name, "code": SecretStr("000000")}))
    with waits(transformed) as one:
        assert one.refused(one.answer()).problem == authority.TWO_CODES


def test_people_hear_of_each_wrong_answer_up_to_the_limit_and_then_once_a_minute(asking: Asking) -> None:
    told = [
        asking.refused(asking.answer(code="000000"), NOW + timedelta(seconds=second)).alarming for second in range(130)
    ]
    assert told[: authority.LIMIT] == [True] * authority.LIMIT
    assert sum(told[authority.LIMIT :]) == 2


@pytest.mark.parametrize("field", ["comment", "lead_unreachable", "without_rehearsal", "name", "plan"])
@pytest.mark.attack(
    "api",
    "guesses codes in comments",
    "they count and alarm like those in their field",
)
def test_a_wrong_code_anywhere_counts_and_alarms_like_one_in_its_field(field: str, asking: Asking) -> None:
    refusal = asking.refused(asking.answer().model_copy(update={"code": SecretStr(""), field: "000 001"}))
    assert refusal.alarming
    assert wrong(asking) == 1
    proved = asking.answer("Theo Lead", plan="", comment="ticket 204155")
    assert not asking.refused(proved).alarming, "a number in the words of somebody whose code is right"
    assert wrong(asking) == 1


def wrong(asking: Asking) -> int:
    with store.transaction(asking.run.settings) as kept:
        return int(kept.execute("SELECT count(*) FROM wrong_answer").fetchone()[0])


@pytest.mark.attack(
    "api",
    "guesses codes in answers that do not fit the form",
    "they count and alarm",
)
def test_an_answer_that_does_not_fit_the_form_burns_its_codes_counts_and_alarms(asking: Asking) -> None:
    theo = code(person("Theo Lead"))
    given = {
        "decision": "perhaps",
        "code": int(code(person())),
        "extra": [{"\N{ZERO WIDTH SPACE}deep": [theo, None, 1.5]}],
    }
    refusal = tries.unusable(asking.run, f"door {theo}", NOW, f"decision: not one of these; {theo}", given)
    assert refusal.alarming
    assert refusal.problem == "decision: not one of these; (code)"
    assert wrong(asking) == 1
    assert theo not in asking.kept()
    assert "used before" in asking.refused(asking.answer("Theo Lead")).problem
    assert "used before" in asking.refused(asking.answer()).problem


@pytest.mark.parametrize("hostile", ["\0", "\ud800", "\0" * 1999, "\N{RIGHT-TO-LEFT OVERRIDE}"])
def test_what_postgresql_cannot_hold_is_written_down_as_what_can_be_seen(hostile: str, asking: Asking) -> None:
    said = asking.answer(code="000000").model_copy(update={"comment": hostile, "name": f"Mallory{hostile}"[:200]})
    assert "is not an approver" in asking.refused(said).problem
    tries.unusable(asking.run, hostile, NOW, hostile, {hostile: hostile})
    assert len(tries.read(asking.run)) == 2


def test_where_the_store_cannot_be_used_no_answer_counts_and_plan_and_form_say_so(asking: Asking) -> None:
    path = store.place(asking.run.settings)
    with store.transaction(asking.run.settings):
        pass
    path.chmod(0o640)
    refusal = asking.refused(asking.answer(comment="123456"))
    assert refusal.problem.startswith("No answer can be checked: ")
    assert f"chmod 600 '{path}'" in refusal.remedy
    assert "123456" not in asking.kept()
    assert tries.demand(asking.run.settings, NOW).startswith("No answer counts now. ")
    assert tries.unusable(asking.run, DOOR, NOW, "broken", {"code": "123456"}).alarming
    plan = plans.draw(asking.run.work, asking.run.request, asking.run.settings, own=asking.run.pids)
    assert [one for one in plan.blockers if "can be read or written by others (mode 0640)" in one]
    path.chmod(private_files.MODE)
    assert asking.judge(asking.answer()).name == "Ada Lovelace", "nothing was used up"


def test_an_entry_of_an_earlier_version_counts_and_the_plan_says_for_every_target(asking: Asking) -> None:
    loaded = asking.run.settings
    old = [one.model_copy(update={"target": ""}) for one in approvers.everybody(loaded)]
    private_files.write(approvers.place(loaded), approvers.text(old))
    plan = plans.draw(asking.run.work, asking.run.request, loaded, own=asking.run.pids)
    [warning] = [one for one in plan.warnings if one.startswith("Approvers without a target: ")]
    assert "Ada Lovelace, Theo Lead, Olga Oncall" in warning
    assert approvers.ANEW in warning
    assert asking.judge(asking.answer()).name == "Ada Lovelace"


EARLIER = """
    CREATE TABLE rollback.used_code (approver text NOT NULL, step bigint NOT NULL, accepted boolean NOT NULL,
        used timestamptz NOT NULL, PRIMARY KEY (approver, step));
    CREATE TABLE rollback.slowed (approver text PRIMARY KEY, wrong int NOT NULL, until timestamptz NOT NULL)"""


def test_what_an_earlier_version_remembered_as_used_is_refused_and_slows_nobody(
    transformed: Database, asking: Asking
) -> None:
    step = onetime.step(NOW)
    with transformed.connect() as conn:
        conn.execute(EARLIER)
        conn.execute("INSERT INTO rollback.slowed VALUES ('ada lovelace', 100, 'infinity')")
        conn.execute("INSERT INTO rollback.used_code VALUES ('ada lovelace', %s, true, now())", [step])
        conn.execute(
            "INSERT INTO rollback.used_code SELECT 'theo lead', n, true, now() FROM generate_series(%s, %s) n",
            [step + 2, step + 500],
        )
    assert "used before" in asking.refused(asking.answer()).problem
    with transformed.connect() as conn:  # it was read once: what is written there later shuts nobody out
        conn.execute("UPDATE rollback.used_code SET step = step + 2 WHERE approver = 'ada lovelace'")
    for name in ("Ada Lovelace", "Theo Lead"):
        later = NOW + timedelta(seconds=60)
        assert asking.judge(asking.answer(name, when=later), later).name == name


@pytest.mark.attack(
    "owner",
    "puts a view with a trap in the place of an old journal's table",
    "only a plain table of the runbook's own role is read",
)
def test_a_prepared_look_alike_of_the_old_table_is_not_read(transformed: Database, asking: Asking) -> None:
    with transformed.connect() as conn:
        conn.execute("CREATE TABLE public.proof (at timestamptz)")
        conn.execute(
            "CREATE FUNCTION public.trap() RETURNS bigint LANGUAGE sql AS "
            "'INSERT INTO public.proof VALUES (now()) RETURNING 1'"
        )
        conn.execute(
            "CREATE VIEW rollback.used_code AS SELECT 'ada lovelace'::text AS approver, public.trap() AS step, "
            "true AS accepted, now() AS used"
        )
    assert asking.judge(asking.answer()).name == "Ada Lovelace"
    assert transformed.value("SELECT count(*) FROM public.proof") == 0


def test_the_store_and_its_folder_are_this_users_alone(asking: Asking) -> None:
    asking.judge(asking.answer())
    path = store.place(asking.run.settings)
    assert path.stat().st_mode & 0o777 == private_files.MODE
    assert path.parent.stat().st_mode & 0o777 == private_files.FOLDER_MODE
    assert person().secret.get_secret_value().encode() not in path.read_bytes()
    assert str(path).startswith(os.environ["ROLLBACK_STATE_DIR"])
