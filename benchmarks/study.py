"""The whole study: all sizes, all sides, round by round, the raw figures written down as they come."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import cluster, disk, filling, machine, measuring, program
from benchmarks.disk import Place
from benchmarks.filling import Database, Size
from benchmarks.measuring import SIDES, Measurement, Side

Say = Callable[[str], None]


@dataclass
class Study:
    """The raw figures of one run of the benchmark."""

    taken: str
    machine: Mapping[str, str]
    measurements: list[Measurement] = field(default_factory=list)

    def write(self, file: Path) -> None:
        """Write everything to a file, whole or not at all."""
        part = file.with_name(f"{file.name}.part")
        part.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        part.replace(file)


def read(file: Path) -> Study:
    """Read what an earlier run wrote."""
    raw: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return Study(raw["taken"], raw["machine"], [Measurement(**one) for one in raw["measurements"]])


@dataclass(frozen=True)
class Wanted:
    """What is to be measured."""

    sizes: Sequence[Size]
    sides: Sequence[str]
    """Not given: by hand, the runbook with all that the file system allows, and bare psql beside it."""
    rounds: int
    minutes: float
    """A size is left out of a round that would go beyond this; the first round is always whole."""
    folder: Path | None
    """Where to measure; not set: on an XFS image."""


def run(wanted: Wanted, file: Path, say: Say) -> Study:
    """Measure each side at each size, round by round; ``file`` gets the figures after each measurement."""
    clock = Clock(time.monotonic() + wanted.minutes * 60)
    with ExitStack() as stack:
        room = 20 + int(sum(size.gigabytes for size in wanted.sizes) * 4)
        place = stack.enter_context(disk.lent(wanted.folder, room))
        stack.enter_context(program.prefect(place.folder))
        sides = _sides(wanted, place)
        made = [_made(place, size, say) for size in wanted.sizes]
        study = Study(f"{datetime.now(UTC):%Y-%m-%d}", machine.described(place, cluster.binaries() / "postgres"))
        for repetition in range(1, wanted.rounds + 1):
            for one in made:
                if repetition > 1 and not clock.allows(one.size):
                    say(f"{one.size.name}, round {repetition}: left out, the time is up")
                    continue
                with clock.timing(one.size):
                    for taken in _round(place, one, sides, repetition):
                        say(_line(taken))
                        study.measurements.append(taken)
                study.write(file)
    return study


@dataclass
class Clock:
    """The time that is left, and what a round took at each size."""

    ends: float
    took: dict[Size, float] = field(default_factory=dict)

    def allows(self, size: Size) -> bool:
        """Return whether another round at this size would end in time."""
        return time.monotonic() + self.took[size] <= self.ends

    @contextmanager
    def timing(self, size: Size) -> Iterator[None]:
        """Remember what a round took."""
        began = time.monotonic()
        yield
        self.took[size] = time.monotonic() - began


def _sides(wanted: Wanted, place: Place) -> list[Side]:
    """Return the sides that are to be measured and can be."""
    names = wanted.sides or (["hand", "clone", "copy", "bare-clone"] if place.clones else ["hand", "copy", "bare-copy"])
    return [SIDES[name] for name in names if place.clones or not SIDES[name].clones]


def _made(place: Place, size: Size, say: Say) -> Database:
    say(f"Making a database of {size.name} with {size.messages:,} messages …")
    return filling.make(place.folder / f"made-{size.gigabytes:g}", size)


def _round(place: Place, one: Database, sides: Sequence[Side], repetition: int) -> Iterator[Measurement]:
    """Measure each side once; each round another one goes first.

    The dump and its proof, with the users back, are waited for once.
    """
    first = (repetition - 1) % len(sides)
    for turn, side in enumerate([*sides[first:], *sides[:first]], 1):
        whole = repetition == 1 and side is next(one for one in sides if one.name != "hand")
        yield measuring.take(place, one, side, repetition=repetition, turn=turn, whole=whole)


def _line(taken: Measurement) -> str:
    who = f"{taken.gigabytes:g} GB, round {taken.repetition}, {SIDES[taken.side].said}"
    return f"{who}: outage {taken.outage:.1f} s of {taken.total:.1f} s"
