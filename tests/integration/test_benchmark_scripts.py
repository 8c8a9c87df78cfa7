"""The scripts of the side by hand do what they are compared for: all the way back, each enum's table rewritten."""

from pathlib import Path

from benchmarks import hand
from tests.databases import Database

REWRITTEN = ("users", "conversations", "messages")


def file_nodes(database: Database) -> dict[str, int]:
    return {name: database.value(f"SELECT pg_relation_filenode('public.{name}')") for name in REWRITTEN}


def run(database: Database, script: str) -> None:
    done = database.psql("-v", "ON_ERROR_STOP=1", "-f", str(hand.SCRIPTS / script))
    assert done.returncode == 0, done.stderr


def test_they_bring_the_old_schema_back_and_rewrite_the_tables(transformed: Database) -> None:
    before = file_nodes(transformed)
    for script in ("oauth_users.sql", *(f"{name}.sql" for name in hand.ORDER), "verify.sql"):
        run(transformed, script)
    for name in hand.ORDER:
        verified = transformed.run_file(f"verify/{name}.sql", "-v", "ON_ERROR_STOP=1")
        assert verified.returncode == 0, verified.stderr
    after = file_nodes(transformed)
    assert [name for name in REWRITTEN if before[name] == after[name]] == []


def test_each_folder_has_the_same_scripts() -> None:
    folders = [hand.SCRIPTS, Path("sql/rollback")]
    by_hand, ours = ({path.name for path in folder.glob("0*.sql")} for folder in folders)
    assert by_hand == ours
