"""The catalogue: all that teams were seen to add, topic by topic."""

from tests.hostile import (
    access,
    around,
    configured,
    constrained,
    drifted,
    filled,
    named,
    readers,
    stored,
    typed,
    writers,
)
from tests.hostile.case import Case

TOPICS = {
    "Rows and states": filled.CASES,
    "Triggers, rules, event triggers": writers.CASES,
    "Views and functions": readers.CASES,
    "Types": typed.CASES,
    "Constraints and foreign keys": constrained.CASES,
    "Storage, indexes, comments": stored.CASES,
    "Rights": access.CASES,
    "Settings": configured.CASES,
    "Drift from the baseline": drifted.CASES,
    "Names": named.CASES,
    "Beside the tables": around.CASES,
}
CASES: list[Case] = [case for cases in TOPICS.values() for case in cases]
