"""A database that went through a dump, as every clone of production did, is judged like the one it came from."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from runbook.schema import catalogue
from tests.databases import Database


def test_a_restored_baseline_is_the_declared_one(
    database: Database, new_database: Callable[..., Database], tmp_path: Path
) -> None:
    dump, copy = tmp_path / "baseline.dump", new_database(messages=None)
    taken = database.program("pg_dump", "-Fc", "-f", str(dump))
    restored = subprocess.run(
        [copy.server.bin("pg_restore"), "--exit-on-error", "--clean", "--if-exists", "-d", copy.dbname, str(dump)],
        env=os.environ | copy.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (taken.returncode, restored.returncode) == (0, 0), taken.stderr + restored.stderr
    with copy.connect() as conn:
        found = catalogue.differences(catalogue.expected(int(copy.server.version)), catalogue.read(conn))
    assert [str(difference) for difference in found if difference.fails] == []
