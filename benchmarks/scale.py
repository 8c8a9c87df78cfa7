"""Scales of a plot's axes: from a value to a place."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Scale:
    """A straight or logarithmic way from values to places; ``start`` may lie beyond ``end``, as on an upright axis."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = True

    def place(self, value: float) -> float:
        """Return where a value lies; what is below the scale lies at its start."""
        low, high, at = (self._bent(one) for one in (self.low, self.high, max(value, self.low)))
        return round(self.start + (self.end - self.start) * (at - low) / (high - low), 1)

    def _bent(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


def decades(values: Sequence[float]) -> list[float]:
    """Return round values 1, 2, 5, 10 … that reach from below the smallest to above the largest."""
    first, last = (math.floor(math.log10(one)) for one in (min(values), max(values)))
    rounds = [step * 10.0**power for power in range(first, last + 2) for step in STEPS]
    low = max(one for one in rounds if one <= min(values))
    high = min(one for one in rounds if one >= max(values) and one > low)
    return [one for one in rounds if low <= one <= high]


def straight(highest: float) -> list[float]:
    """Return about five round values from 0 to above the highest."""
    power = 10.0 ** math.floor(math.log10(highest / 4))
    step = next(one * power for one in (*STEPS, 10) if one * power * 5 >= highest)
    return [step * number for number in range(math.ceil(highest / step) + 1)]
