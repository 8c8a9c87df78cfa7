"""The end state that a rollback promises: the declared baseline, less what the operator chose to keep."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

from runbook.models import Identity, Plan
from runbook.schema import catalogue, naming
from runbook.schema.catalogue import Fact
from runbook.settings import Settings

Tolerance = Callable[[int], float]
"""How many rows may be deleted where so many were announced."""
OWN = frozenset(
    {"users", "digital_twins", "knowledge_base", "conversations", "messages", "handover_notifications"}
    | {"analytics_events", "benchmark_datasets", "benchmark_runs", "benchmark_ab_tests", "web_sources", "llm_usage"}
    | {"document_processing_jobs"}
)
"""The transformation's own tables: nobody may insert into them meanwhile unless the plan says so of that table."""
_VERBS = {"inserted": "INSERT", "updated": "UPDATE", "deleted": "DELETE"}


@dataclass(frozen=True)
class Conditions:
    """What the declared end state depends on."""

    server: int
    """PostgreSQL's major version."""
    bot_label: str
    gemini: str = "none"
    """``kept`` where the label gemini (013) was left, else ``none``."""
    oauth: str = "none"
    """``kept`` where 012 was skipped, else ``none``."""


def declared(conditions: Conditions) -> list[Fact]:
    """Return the facts that must hold."""
    return catalogue.expected(**asdict(conditions))


def promised(plan: Plan, settings: Settings) -> Conditions:
    """Return the conditions of the end state that this plan promises."""
    return Conditions(
        server=plan.identity.major,
        bot_label=settings.bot_label,
        gemini="kept" if plan.gemini == "keep" and plan.migrations["013"] != "absent" else "none",
        oauth="kept" if plan.oauth == "keep" and plan.migrations["012"] != "absent" else "none",
    )


def recorded(
    run: Mapping[str, object] | None, found: Iterable[Fact], settings: Settings, identity: Identity
) -> Conditions:
    """Return the conditions for a database without a plan: what its last committed run was told to keep.

    ``run`` is that run's row of the journal. Keeping is believed only while what was kept is there.
    """
    told = run["request"] if run else {}
    request: Mapping[str, object] = told if isinstance(told, Mapping) else {}
    away = _away(found, Conditions(identity.major, settings.bot_label))
    return Conditions(
        server=identity.major,
        bot_label=settings.bot_label,
        gemini="kept" if "013" in away and request.get("gemini", "keep") == "keep" else "none",
        oauth="kept" if "012" in away and request.get("oauth") == "keep" else "none",
    )


def compare(facts: Iterable[Fact], found: Iterable[Fact], before: Iterable[Fact] = ()) -> list[str]:
    """Return what is not as declared, a line each; what was added beside it is no fault.

    Given the facts from before, what no migration touches and was the same then is drift, and no fault either.
    """
    return [str(difference) for difference in catalogue.differences(facts, found, before) if difference.fails]


def wrong(plan: Plan, settings: Settings, found: Iterable[Fact], before: Iterable[Fact]) -> list[str]:
    """Return what is not as this plan promised; what differed before in places that no migration touches is drift."""
    return compare(declared(promised(plan, settings)), found, before)


def away(found: Iterable[Fact], settings: Settings, identity: Identity) -> set[str]:
    """Return the migrations of which something is left, by the declared baseline."""
    return _away(found, Conditions(identity.major, settings.bot_label))


def drift(found: Iterable[Fact], settings: Settings, identity: Identity) -> list[str]:
    """Return what differs from the baseline in places that no migration touches, a line each."""
    return drift_of(declared(Conditions(identity.major, settings.bot_label)), found)


def drift_of(facts: Iterable[Fact], found: Iterable[Fact]) -> list[str]:
    """Return what differs from the declared ``facts`` in places that no migration touches, a line each."""
    there = list(found)
    return [str(one) for one in catalogue.differences(facts, there, there) if one.outcome == "drift"]


def unannounced(plan: Plan, rows: Mapping[str, Mapping[str, int]], tolerance: Tolerance = int) -> list[str]:
    """Return what the transaction did to rows although the plan does not say so, a line a table.

    Rows inserted beside the transformation's own tables are accepted where the plan announced something that fires,
    and so is what it said that this writes. What was to be deleted may grow by the ``tolerance``.
    """
    lines = []
    for table, changes in rows.items():
        left = {kind: count for kind, count in changes.items() if not _announced(plan, table, kind, count, tolerance)}
        lines += [f"rows changed: {table} {_counted(left)}"] if left else []
    return lines


def _announced(plan: Plan, table: str, kind: str, count: int, tolerance: Tolerance) -> bool:
    """Tell whether the plan says that this happens to rows of this table."""
    name = naming.settled(table)
    cascade = {naming.settled(table): count for table, count in plan.cascade.items()}
    gone = plan.users.get("OAuth only", 0) + cascade.get("users", 0)
    deleting = {**cascade, "users": gone} if plan.oauth == "delete" else {}
    if kind == "deleted" and name in deleting and count <= tolerance(deleting[name]):
        return True
    if kind == "updated" and name in _updated(plan):
        return True
    if any(
        _VERBS[kind] in kinds for one in plan.fires for at, kinds in one.writes.items() if naming.settled(at) == name
    ):
        return True
    return kind == "inserted" and bool(plan.fires) and name not in OWN


def _updated(plan: Plan) -> set[str]:
    """Return the tables whose rows the scripts and the foreign keys update."""
    users = {"users"} if plan.oauth == "temporary passwords" else set[str]()
    twins = {"digital_twins"} if plan.placeholders else set[str]()
    return users | twins | {naming.settled(name.rpartition(".")[0]) for name in plan.unlinked}


def _counted(changes: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in changes.items())


def _away(found: Iterable[Fact], conditions: Conditions) -> set[str]:
    facts = list(found)
    differences = catalogue.differences(declared(conditions), facts, facts)
    return {one.migration for one in differences if one.fails and one.migration}
