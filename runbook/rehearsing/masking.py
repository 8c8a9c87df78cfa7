"""The masking of a clone: no contact data of production is left in it before anybody else can connect."""

import csv
import io
import logging
import secrets
import time
from contextlib import closing
from dataclasses import dataclass, replace

import psycopg

import sql
from runbook import database, figures
from runbook.errors import CloneFailed, StatementFailed
from runbook.rehearsing import guard, marks
from runbook.rehearsing import site as sites
from runbook.rehearsing.clonedata import Clone
from runbook.rehearsing.site import Site
from runbook.settings import Settings

CONTACTS = "rehearsal/contacts.csv"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Masked:
    """What was masked."""

    seconds: float
    tables: int
    """Tables in which a row was written."""
    rows: int
    columns: int
    """Columns that were looked through."""


def mask(settings: Settings, clone: Clone) -> Masked:
    """Mask the clone's contact data, drop production's journal from it, and see that no address is left.

    All of it is one transaction; then the old rows are vacuumed away and the statistics made anew, which held values
    too. Again, it finds that it is done. Raises CloneFailed, StatementFailed, SecondRunner, DatabaseUnavailable.
    """
    began = time.monotonic()
    with sites.opened(settings) as at:
        found = marks.find(at.gate, at.incoming) or marks.find(at.gate, at.staging)
        if not (found and found.mark and found.mark.run == clone.run and found.stands("raw", "masked", "standing")):
            raise CloneFailed(f"{at.incoming} is not the clone of this rehearsal.", "Clone production again.")
        if not found.stands("raw"):
            log.info("%s is masked already.", found.name)
            return Masked(time.monotonic() - began, 0, 0, 0)
        at.source = guard.marked_source(found.mark.source)
        counts = _mask(at)
        marks.put(at.gate, at.incoming, replace(found.mark, state="masked"))
    masked = Masked(time.monotonic() - began, **counts)
    log.info("masked %s in %s", figures.count(masked.rows, "row"), figures.count(masked.tables, "table"))
    return masked


def _mask(at: Site) -> dict[str, int]:
    guard.check(at.gate, at.incoming, at.source)
    with closing(database.connect(at.incoming)) as conn:
        _check_place(at, conn)
        try:
            with database.transaction(conn):
                database.script(conn, "rehearsal/quiet.sql")
                _load(conn)
                database.script(conn, "rehearsal/readable.sql")
                _check_unknown(conn)
                database.script(conn, "rehearsal/ways.sql")
                database.script(conn, "rehearsal/mask.sql")
                database.script(conn, "rehearsal/forget.sql")
                database.script(conn, "rehearsal/check.sql")
                [counts] = database.query(conn, "rehearsal_masked")
        except StatementFailed as error:
            raise CloneFailed(
                f"The clone was not masked: {error.problem}",
                "See sql/rehearsal/mask.sql and sql/rehearsal/contacts.csv.",
                f"Nobody can see {at.incoming}; staging is as it was.",
            ) from None
        with database.translated():
            conn.execute("VACUUM (ANALYZE)")
    return counts


def _check_place(at: Site, conn: psycopg.Connection) -> None:
    """See that this connection, made anew, leads to the clone of this site. Raises CloneFailed."""
    found = marks.find(conn, at.incoming)
    if conn.info.dbname != at.incoming or not guard.same_server(conn, at.gate) or not (found and found.ours):
        raise CloneFailed(f"The connection to {at.incoming} leads elsewhere.", "See PGHOST, PGPORT and PGSERVICE.")


def _load(conn: psycopg.Connection) -> None:
    """Load contacts.csv where the scripts find it, and a salt that nobody keeps."""
    rows = list(csv.DictReader(io.StringIO(sql.read(CONTACTS))))
    conn.execute("CREATE TEMP TABLE contact (relation text, name name, how text) ON COMMIT DROP")
    with conn.cursor() as cursor:
        cursor.executemany("INSERT INTO contact VALUES (%(relation)s, %(column)s, %(how)s)", rows)
    conn.execute("SELECT set_config('rehearsal.salt', %s, true)", [secrets.token_hex(16)])


def _check_unknown(conn: psycopg.Connection) -> None:
    """Raise CloneFailed for columns that look like contact data and that nobody declared."""
    unknown = [str(row["column"]) for row in database.query(conn, "rehearsal_unknown")]
    if unknown:
        raise CloneFailed(
            f"These columns are called like contact data, and nobody said how to mask them: {', '.join(unknown)}.",
            f"Add them to sql/{CONTACTS}.",
            "The clone is not masked; nobody can see it, and staging is as it was.",
        )
