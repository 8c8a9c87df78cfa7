"""What the raw figures say: medians with their spread, and ratios within a round."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.measuring import Measurement

Value = Callable[[Measurement], float]


@dataclass(frozen=True)
class Spread:
    """The median of some values, the smallest and the largest."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread | None:
    """Return median, smallest and largest; None where there is no value."""
    return Spread(statistics.median(values), min(values), max(values)) if values else None


def outage(one: Measurement) -> float:
    """Return how long the users were offline, in s."""
    return one.outage


def total(one: Measurement) -> float:
    """Return how long all of it took, in s."""
    return one.total


def transaction(one: Measurement) -> float:
    """Return how long the one transaction took, in s."""
    return one.parts["transaction"]


@dataclass(frozen=True)
class Figures:
    """All measurements of a study, to be asked."""

    measurements: Sequence[Measurement]

    @property
    def sizes(self) -> list[float]:
        """The sizes that were wanted, in GB, the smallest first."""
        return sorted({one.gigabytes for one in self.measurements})

    @property
    def sides(self) -> set[str]:
        """The sides that were measured."""
        return {one.side for one in self.measurements}

    def of(self, side: str, gigabytes: float) -> list[Measurement]:
        """Return the measurements of a side at a size."""
        return [one for one in self.measurements if one.side == side and one.gigabytes == gigabytes]

    def spread(self, side: str, gigabytes: float, value: Value) -> Spread | None:
        """Return the spread of a value over the rounds."""
        return spread([value(one) for one in self.of(side, gigabytes)])

    def part(self, side: str, gigabytes: float, name: str) -> float | None:
        """Return the median time of a part, in s; None where this side has none of this name."""
        found = [one.parts[name] for one in self.of(side, gigabytes) if name in one.parts]
        return statistics.median(found) if found else None

    def ratio(self, over: str, under: str, gigabytes: float, value: Value) -> Spread | None:
        """Return how many times larger one side's value is than another's, round by round."""
        return spread([value(a) / value(b) for a, b in _pairs(self.of(over, gigabytes), self.of(under, gigabytes))])

    def more(self, over: str, under: str, gigabytes: float, value: Value) -> Spread | None:
        """Return by how much one side's value is larger than another's, round by round."""
        return spread([value(a) - value(b) for a, b in _pairs(self.of(over, gigabytes), self.of(under, gigabytes))])

    def growth(self, side: str, value: Value) -> tuple[Spread, Spread] | None:
        """Return by how much, and how many times, a value is larger at the largest size than at the smallest."""
        pairs = _pairs(self.of(side, self.sizes[-1]), self.of(side, self.sizes[0]))
        more, times = spread([value(a) - value(b) for a, b in pairs]), spread([value(a) / value(b) for a, b in pairs])
        return (more, times) if more and times else None


def _pairs(these: Sequence[Measurement], others: Sequence[Measurement]) -> list[tuple[Measurement, Measurement]]:
    """Put together what was measured in the same round."""
    of_round = {one.repetition: one for one in others}
    return [(one, of_round[one.repetition]) for one in these if one.repetition in of_round]
