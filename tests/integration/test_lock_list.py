"""The list of the locks that the scripts take is what each server shows when they run."""

import csv

from tests import make_locks
from tests.databases import Templates


def test_the_list_is_what_the_server_shows(templates: Templates) -> None:
    with make_locks.FILE.open(encoding="utf-8", newline="") as file:
        header, *listed = csv.reader(file)
    assert tuple(header) == make_locks.HEADER
    assert make_locks.lines(templates) == listed
