"""How the backup is taken: what is chosen, why, and what each way takes."""

from typing import Any

import pytest

from runbook.errors import RollbackError
from runbook.outlook import Means
from runbook.safekeeping import means
from runbook.safekeeping.means import Place
from runbook.settings import Settings

SETTINGS = Settings(dump_jobs=2)
GB = 1_000_000_000
OWNER = {"may_create": True, "owns": True, "role": "app", "clones": True, "collation": ""}
SHARING = Place(True, 10 * GB, "shares")
COPYING = Place(False, 10 * GB, "copies")
UNKNOWN = Place(False, None, "copies")


def draw(wanted: str = "auto", size: int = 2 * GB, place: Place = SHARING, past: Any = (), **rights: Any) -> Means:
    ways = [
        means._snapshot({**OWNER, **rights}, place, size, past),
        means._dump(size, past, SETTINGS),
    ]
    return means.chosen(wanted, ways, place.clone)


def test_a_copy_that_shares_blocks_takes_as_long_at_any_size() -> None:
    small, large = draw(size=GB // 10), draw(size=1000 * GB)
    assert (small.method, large.method) == ("snapshot", "snapshot")
    assert small.way.seconds == large.way.seconds
    assert "instead of" in large.why


@pytest.mark.parametrize(
    ("why", "changes"),
    [
        ("may not create databases", {"may_create": False}),
        ("does not own the database", {"owns": False}),
        ("has 1.00 GB free, a copy needs 2.10 GB", {"place": Place(False, GB, "copies")}),
        ("has 10.0 MB free, a copy needs 64.0 MB", {"place": Place(True, GB // 100, "shares")}),
        ("ROLLBACK_SNAPSHOT_ROOM_GB", {"place": UNKNOWN}),
        ("made with version 2.31", {"collation": "the database was made with version 2.31 of its collation"}),
    ],
)
def test_what_forbids_a_snapshot_makes_it_a_dump_and_is_the_reason(why: str, changes: dict[str, Any]) -> None:
    chosen = draw(**changes)
    assert chosen.method == "dump"
    assert why in chosen.why
    means.check(chosen)  # a dump can always be taken


def test_the_operator_can_force_either_and_is_told_what_speaks_against() -> None:
    assert draw("dump").method == "dump"
    assert draw("snapshot", place=COPYING).method == "snapshot"
    unknown = draw("snapshot", place=UNKNOWN)
    means.check(unknown)  # nobody knows that it cannot be
    assert "although the room on the server's disk is not known" in means.warnings(unknown)[0]
    with pytest.raises(RollbackError, match="cannot be a snapshot: the role app may not create databases"):
        means.check(draw("snapshot", may_create=False))


def test_what_was_measured_here_takes_the_place_of_the_guess() -> None:
    past = [
        {"method": "snapshot", "clone": True, "seconds": 0.25, "bytes": GB},
        {"method": "snapshot", "clone": False, "seconds": 8.0, "bytes": GB},
        {"method": "dump", "clone": False, "seconds": 5.0, "bytes": GB},
    ]
    sharing, copying = draw(past=past), draw(past=past, place=COPYING)
    assert [(way.seconds, way.runs) for way in sharing.ways] == [(0.25, 1), (10.0, 1)]
    assert [(way.seconds, way.runs) for way in copying.ways] == [(16.0, 1), (10.0, 1)]
    assert copying.method == "dump"  # here it is the quicker one


@pytest.mark.parametrize(("declared", "shares"), [("yes", True), ("no", False)])
def test_a_disk_elsewhere_is_what_was_declared(declared: str, shares: bool) -> None:
    place = means._place(OWNER, None, Settings(snapshot_clone=declared, snapshot_room_gb=3))
    assert (place.clone, place.room) == (shares, 3 * GB)
    assert means._place({**OWNER, "clones": False}, None, Settings(snapshot_clone="yes")).clone is False


def test_ways_are_named_with_their_figures() -> None:
    by_method = {way.method: way for way in draw().ways}
    assert by_method["dump"].seconds == pytest.approx(1 + 2 * GB / (means.DUMP_SPEED * 2))
    assert "2 jobs" in by_method["dump"].remark
