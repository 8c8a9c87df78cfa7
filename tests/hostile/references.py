"""What databases hold to which nobody added anything: the baseline, and the transformation in its states."""

from dataclasses import dataclass

from tests.databases import Templates
from tests.hostile import oracle
from tests.hostile.oracle import Picture

MESSAGES = 20
"""How large the databases are."""


@dataclass(frozen=True)
class Reference:
    """What a case is compared with."""

    baseline: Picture
    """The old release's schema, as it never was transformed."""
    transformed: Picture
    """The database before the case was added."""


_known: dict[tuple[str, tuple[str, ...]], Picture] = {}


def of(templates: Templates, forward: tuple[str, ...]) -> Reference:
    """Return what a case on these migrations is compared with; each is read once for each server."""
    return Reference(_picture(templates, ()), _picture(templates, forward))


def _picture(templates: Templates, forward: tuple[str, ...]) -> Picture:
    key = (templates.server.host, forward)
    if key not in _known:
        with templates.copy(forward=forward, messages=MESSAGES) as database:
            _known[key] = oracle.look(database)
    return _known[key]
