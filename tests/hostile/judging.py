"""What is not right about a run: what changed unannounced, what is not reached, what would have gone well by hand."""

import re
from collections.abc import Sequence

import psycopg

import sql
from runbook.request import RollbackRequest
from tests.databases import Database
from tests.hostile import compare, oracle
from tests.hostile.case import Case
from tests.hostile.compare import Change
from tests.hostile.oracle import Picture
from tests.hostile.references import Reference

SETTLE = {"temporary passwords": ["oauth/temporary_passwords.sql"], "delete": ["oauth/delete.sql"], "keep": []}
SCRIPTS = ("012_rollback_oauth", "011_rollback_handover", "010_rollback_knowledge_base")


def differences(before: Picture, after: Picture) -> list[str]:
    """Return what differs at all; the runbook's journal is its own."""
    found = [
        f"{fact.kind} {fact.name}"
        for key in before.facts.keys() | after.facts.keys()
        if before.facts.get(key) != after.facts.get(key)
        and (fact := before.facts.get(key) or after.facts[key])
        and not compare.ours(fact)
    ]
    found += [
        f"rows of {name}"
        for name in before.relations.keys() | after.relations.keys()
        if not name.startswith(f"{compare.OURS}.") and _sorted(before, name) != _sorted(after, name)
    ]
    return sorted(found)


def _sorted(picture: Picture, name: str) -> list[str]:
    return sorted(map(repr, picture.relations[name].rows)) if name in picture.relations else []


def not_reached(
    after: Picture, request: RollbackRequest, cases: Sequence[Case], page: str, reference: Reference
) -> list[str]:
    """Return what is not the old release's schema, though the plan did not say so."""
    drift = "|".join(case.drift for case in cases if case.drift)
    kept = [name for name in compare.KEPT if getattr(request, name) == "keep"]
    changes = compare.end_state(reference.baseline, after, drift, kept)
    return [str(one) for one in changes if not announced(one, page)]


def unannounced(
    before: Picture, after: Picture, request: RollbackRequest, page: str, reference: Reference
) -> list[str]:
    """Return what changed and is not said in the plan."""
    changes = _changes(before, after, request, reference)
    return [f"unannounced: {one}" for one in changes if not announced(one, page)]


def _changes(before: Picture, after: Picture, request: RollbackRequest, reference: Reference) -> list[Change]:
    return [
        *compare.objects(before, after, reference.transformed, reference.baseline),
        *compare.rows(before, after, request.oauth, request.gemini),
        *compare.checks(before, after),
    ]


def announced(change: Change, page: str) -> bool:
    """Tell whether a line of the plan names what changed, and how many rows of it.

    What triggers and rules write cannot be counted beforehand: there it is enough that table and trigger are named.
    """
    name = change.what.rpartition(".")[2]
    if change.rows and not change.check:
        name = change.what.removeprefix("public.").replace('"', "")
    named = [line for line in page.splitlines() if _names(line.replace('"', ""), name)]
    if not change.rows:
        return bool(named)
    if change.column and change.what in ("public.users", "public.knowledge_bases"):
        # The plan speaks of these tables anyway: the column must be named.
        named = [line for line in page.splitlines() if change.column in line]
    counted = re.compile(rf"(?<![\d,]){change.rows:,}(?![\d,])")
    by_trigger = re.compile(r"\b([Tt]riggers?|[Rr]ules?|[Vv]iews?)\b")
    return any(counted.search(line) or by_trigger.search(line) for line in named)


def _names(line: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name.strip(chr(34)))}(?!\w)", line) is not None


def by_hand(database: Database, request: RollbackRequest, reference: Reference, role: str = "") -> str:
    """Run the transaction by hand and take it back; return what goes wrong, or an empty text."""
    before = oracle.look(database)
    with oracle.connect(database, role) as conn:
        try:
            conn.execute("SELECT set_config('search_path', 'public, extensions', true)")
            for name, value in (("bot_label", "assistant"), ("gemini", request.gemini)):
                conn.execute("SELECT set_config(%s, %s, true)", [f"rollback.{name}", value])
            for script in _files(request):
                conn.execute(sql.read(script).encode())
            conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
            conn.execute("SELECT set_config('search_path', 'pg_catalog', true)")
            after = oracle.read(conn)
        except psycopg.Error as error:
            return str(error)
        finally:
            conn.rollback()
    return "\n".join(map(str, _changes(before, after, request, reference)))


def _files(request: RollbackRequest) -> list[str]:
    stems = [one for one in SCRIPTS if not (one.startswith("012") and request.oauth == "keep")]
    return [
        *SETTLE[request.oauth],
        *(f"{kind}/{stem}.sql" for stem in stems for kind in ("rollback", "verify")),
    ]


def said(words: str, text: str) -> bool:
    """Tell whether a text says what it should."""
    return not words or re.search(words, text) is not None
