"""One measurement: a fresh copy of the database, the application on it, one side at work, the users watching."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import application, bare, cluster, disk, hand, program
from benchmarks.disk import Place
from benchmarks.filling import Database
from benchmarks.scene import TOLD, Scene
from benchmarks.watch import Watch
from runbook import database


@dataclass(frozen=True)
class Side:
    """One way to roll back."""

    name: str
    said: str
    """What the table calls it."""
    act: Callable[[Scene], None]
    settings: Mapping[str, str] = field(default_factory=dict)
    """PostgreSQL's settings that it needs beyond those of all sides."""
    env: Mapping[str, str] = field(default_factory=dict)
    """The runbook's settings that it needs."""
    clones: bool = False
    """Whether it needs copy-on-write."""


NO_CLONE = {"ROLLBACK_SNAPSHOT_CLONE": "no"}
SIDES = {
    side.name: side
    for side in (
        Side("hand", "by hand", hand.roll_back),
        Side("clone", "runbook, with copy-on-write", program.roll_back, clones=True),
        Side("copy", "runbook, without copy-on-write", program.roll_back, env=NO_CLONE),
        Side("bare-clone", "bare psql, with copy-on-write", bare.roll_back, {"file_copy_method": "clone"}, clones=True),
        Side("bare-copy", "bare psql, without copy-on-write", bare.roll_back),
    )
}


@dataclass(frozen=True)
class Measurement:
    """What one run of one side came to; seconds throughout."""

    gigabytes: float
    messages: int
    bytes: int
    side: str
    repetition: int
    turn: int
    """Whether it was the first, second … of its repetition."""
    outage: float
    total: float
    parts: Mapping[str, float]


def take(
    place: Place, made: Database, side: Side, *, repetition: int = 1, turn: int = 1, whole: bool = True
) -> Measurement:
    """Let one side roll a copy of the database ``made`` back, and measure it.

    ``whole``: wait for what the runbook does when everybody was told.
    """
    with _scene(place, made.data, side, whole=whole) as scene:
        with Watch(scene.application) as watch:
            began = time.monotonic()
            side.act(scene)
            total = scene.parts.pop(TOLD, time.monotonic() - began)
            scene.application.wait()
            time.sleep(0.5)
        parts = {name: round(seconds, 3) for name, seconds in scene.parts.items()}
    return Measurement(
        gigabytes=made.size.gigabytes,
        messages=made.size.messages,
        bytes=made.bytes,
        side=side.name,
        repetition=repetition,
        turn=turn,
        outage=round(watch.outage, 3),
        total=round(total, 3),
        parts=parts,
    )


@contextmanager
def _scene(place: Place, made: Path, side: Side, *, whole: bool) -> Iterator[Scene]:
    """Copy the database, start a server and the application on it; nothing is left afterwards."""
    folder = place.folder / "run"
    folder.mkdir(mode=0o755)
    try:
        disk.copy(made, folder / "data")
        with (
            cluster.running(folder / "data", {**cluster.PRODUCTION, **side.settings}) as server,
            application.running(folder) as started,
            cluster.pointed(side.env),
        ):
            with closing(database.connect("postgres")) as admin:
                admin.execute("CHECKPOINT")
            yield Scene(server, started, folder, whole=whole)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
