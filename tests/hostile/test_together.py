"""Whatever teams add, in random combinations: no run whose plan could go ahead fails, each obstacle is named.

HOSTILE_EXAMPLES says how many combinations are tried of each kind; HOSTILE_SEED tries others than CI does.
"""

import os
from collections.abc import Callable, Sequence

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given

from tests.databases import Templates
from tests.hostile import together
from tests.hostile.case import Case

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "6"))
SEED = os.environ.get("HOSTILE_SEED")

settled = hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=SEED is None,
    database=None,
    deadline=None,
    # A smaller example takes as long as a larger one, and the list names all that is in it.
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def seeded(test: Callable[..., None]) -> Callable[..., None]:
    return hypothesis.seed(int(SEED))(test) if SEED else test


@pytest.mark.timeout(60 + 20 * EXAMPLES)
@seeded
@settled
@given(cases=together.some(willing=True))
def test_what_can_go_ahead_goes_ahead(
    cases: Sequence[Case],
    hostile: Callable[[str], Templates],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    check(cases, hostile, tmp_path_factory)


@pytest.mark.timeout(60 + 20 * EXAMPLES)
@seeded
@settled
@given(cases=together.some(willing=False))
def test_each_obstacle_is_named(
    cases: Sequence[Case],
    hostile: Callable[[str], Templates],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    check(cases, hostile, tmp_path_factory)


def check(cases: Sequence[Case], hostile: Callable[[str], Templates], tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        found = together.faults(hostile(together.VERSION), cases, tmp_path_factory.mktemp("run"), patch)
    assert found == [], [case.name for case in cases]
