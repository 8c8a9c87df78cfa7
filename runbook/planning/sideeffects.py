"""What the scripts change beside the tables that they are about: heirs, whole rows, indexes, columns."""

import psycopg

from runbook import database, figures
from runbook.planning import census
from runbook.request import RollbackRequest

GAINS = {
    "users": "password_hash becomes NOT NULL",
    "conversations": "handed_over_at is added",
    "knowledge_bases": "nine columns are added",
    "digital_twins": "nine columns are added",
}


def warnings(conn: psycopg.Connection, request: RollbackRequest) -> list[str]:
    """Say what changes on objects of the team's by itself, a line each."""
    return [
        *_heirs(conn, request),
        *_whole_rows(conn),
        *(
            f"Index {row['index']} holds what the old release's {row['becomes']} holds, and gets that name."
            for row in database.query(conn, "renamed_indexes")
        ),
        *_returned(conn),
    ]


def _heirs(conn: psycopg.Connection, request: RollbackRequest) -> list[str]:
    return [
        f"Table {row['heir']} inherits from {row['top']}, and what changes there changes in it: {GAINS[row['top']]}."
        for row in database.query(conn, "heirs")
        if not (row["top"] == "users" and request.oauth == "keep")
    ]


def _whole_rows(conn: psycopg.Connection) -> list[str]:
    return [
        f"{row['object'][:1].upper()}{row['object'][1:]} has whole rows of {row['table']}: its view's rows, or the "
        "type of its values, have other columns afterwards. See that nobody depends on them."
        for row in database.query(conn, "whole_rows")
    ]


def _returned(conn: psycopg.Connection) -> list[str]:
    """Say which columns of the team's become the old release's, with their values."""
    table = census.table(conn)
    return [
        f"Column {table}.{row['column']} is {row['found']}"
        f"{' with the default ' + row['default'] if row['default'] else ''}, and becomes the old release's "
        f"{row['wanted']}; the values of {figures.count(row['rows'], 'row')} are converted."
        for row in database.query(conn, "returned_columns", table=table)
    ]
