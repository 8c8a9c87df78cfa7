"""A DigitalTwin database of one's own, for the demo and the tests: baseline, rows, transformation."""

from collections.abc import Iterable

import psycopg
from psycopg import sql as compose

import sql

Connection = psycopg.Connection[tuple[object, ...]]

FORWARD = {
    "010": "demo/forward/010_transform_to_knowledge_base.sql",
    "011": "demo/forward/011_remove_handover.sql",
    "012": "demo/forward/012_oauth_support_fixed.sql",
    "013": "demo/forward/013_add_gemini_provider.sql",
}


def create(admin: Connection, name: str, template: str | None = None) -> None:
    """Create the database ``name``, a copy of ``template`` if given, where scripts find uuid_generate_v4 and vector.

    ``admin`` must be in autocommit mode. A copy needs that nobody is connected to the template.
    """
    copied = compose.SQL(" TEMPLATE {}").format(compose.Identifier(template)) if template else compose.SQL("")
    admin.execute(compose.SQL("CREATE DATABASE {}").format(compose.Identifier(name)) + copied)
    if _needs_standins(admin):
        # Settings of a database are not copied with it.
        statement = compose.SQL("ALTER DATABASE {} SET search_path = public, extensions")
        admin.execute(statement.format(compose.Identifier(name)))


def load_baseline(conn: Connection, bot_label: str = "assistant") -> None:
    """Make the schema of the old release in an empty database, in one transaction."""
    with conn.transaction():
        set_option(conn, "bot_label", bot_label)
        run_file(conn, "demo/extensions.sql")
        run_file(conn, "demo/baseline.sql")


def seed(conn: Connection, messages: int = 200) -> None:
    """Fill the baseline with rows in every table, in proportion to ``messages``, in one transaction."""
    with conn.transaction():
        set_option(conn, "seed_messages", str(messages))
        run_file(conn, "demo/seed.sql")


def apply_forward(conn: Connection, migrations: Iterable[str]) -> None:
    """Apply forward migrations in the order given, by number (``"010"``), each in its own transaction.

    Raises KeyError for a number that does not exist.
    """
    for number in migrations:
        with conn.transaction():
            run_file(conn, FORWARD[number])


def seed_transformed(conn: Connection) -> None:
    """Add the rows that only the new release makes, as far as the migrations applied allow, in one transaction."""
    with conn.transaction():
        run_file(conn, "demo/seed_transformed.sql")


def run_file(conn: Connection, name: str) -> None:
    """Run one file below sql/ as a whole."""
    conn.execute(sql.read(name))


def set_option(conn: Connection, name: str, value: str) -> None:
    """Set the custom setting rollback.``name`` until the transaction ends."""
    conn.execute("SELECT set_config(%s, %s, true)", (f"rollback.{name}", value))


def _needs_standins(conn: Connection) -> bool:
    query = "SELECT count(*) < 2 FROM pg_available_extensions WHERE name IN ('uuid-ossp', 'vector')"
    row = conn.execute(query).fetchone()
    return bool(row and row[0])
