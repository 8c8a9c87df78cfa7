"""The catalogue is changed, not the tables: no file is written anew, and time does not grow with messages."""

from collections.abc import Callable

import psycopg
import pytest

import sql
from tests import states
from tests.databases import ALL, Database

pytestmark = pytest.mark.pg("15", "18")

FILES = """
    SELECT oid, relfilenode FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i', 'm')
      AND relname !~ '^idx_(users_oauth|users_avatar_url)|share_url|is_public' ORDER BY 1"""
MANY = """
    INSERT INTO messages (conversation_id, sender, content)
    SELECT c.id, 'user', 'x' FROM (SELECT id FROM conversations LIMIT 1) AS c, generate_series(1, 50000)"""


def files(conn: psycopg.Connection[tuple[object, ...]]) -> dict[object, object]:
    return {row[0]: row[1] for row in conn.execute(FILES)}


def test_no_file_is_written_anew(new_database: Callable[..., Database]) -> None:
    with new_database(messages=20, forward=ALL).connect(autocommit=False) as conn:
        conn.execute(MANY)
        conn.execute(sql.read("oauth/temporary_passwords.sql"))
        before = files(conn)
        read = (
            "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'messages'"
        )
        touched = conn.execute(read).fetchone()
        states.roll_back(conn)
        states.verify(conn)
        after = files(conn)
        assert {oid: after[oid] for oid in before} == before
        assert conn.execute(read).fetchone() == touched  # not one message was read
