"""The words ``rollback snapshots list|tidy``: the copies of the database that runs took before they changed it."""

from contextlib import closing
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from runbook import database, printable, settings
from runbook.safekeeping import snapshots
from runbook.telling import screen, terminal

app = App(name="snapshots", help="The copies of the database that runs took before they changed it.")

console = Console(highlight=False)


@app.command(name="list")
def show(
    *, as_json: Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON for machines.")] = False
) -> int:
    """List the snapshots that are there, what becomes of each, and with which file one goes back to it."""
    loaded = settings.load()
    with closing(database.connect()) as conn:
        copies, strangers = snapshots.read(conn), snapshots.unknown(conn)
    if as_json:
        print(printable.as_json([vars(copy) for copy in copies]))  # noqa: T201 - machines read it
        return 0
    for copy in copies:
        terminal.facts(copy.database, snapshots.facts(copy, loaded), console)
    for name in strangers:
        screen.sentence(f"{name}: named like a snapshot, and no journal knows it.", console)
    if not copies and not strangers:
        screen.sentence("There is no snapshot.", console)
    return 0


@app.command
def tidy() -> int:
    """Take and prove the portable dump of each snapshot that has none; drop those whose time is over."""
    from flows import session  # noqa: PLC0415 - Prefect takes seconds to import
    from flows import snapshots as story  # noqa: PLC0415

    with session.server(console):
        return session.ended(story.tidy(return_state=True), console)
