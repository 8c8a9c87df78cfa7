"""Results that Prefect stores: none is read. Reading one runs code, and whoever reaches Prefect's API says which.

The runbook stores none. A state that somebody wrote into Prefect may name a file, a block and a pickle all the same.
"""

from typing import NoReturn

from prefect.results import ResultStore

from runbook.errors import RunRefused


def read_none() -> None:
    """Let this process read no stored result from now on: RunRefused is raised instead."""
    for name in ("read", "aread", "_read", "_aread"):
        getattr(ResultStore, name)  # a Prefect that calls them otherwise would read them again
        setattr(ResultStore, name, _refused)


def _refused(*_: object, **__: object) -> NoReturn:
    raise RunRefused(
        "Prefect names a stored result for this run. The runbook stores none: somebody wrote that into Prefect.",
        "rollback status says where things stand; find out who reaches Prefect's API.",
        "The result was not read.",
    )
