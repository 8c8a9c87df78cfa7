"""What a database, or a role in it, is set to: each setting is one case."""
# ruff: noqa: E501 - SQL reads best as it is typed.

from tests.hostile.case import Case

OF_DATABASE = {
    "datestyle": "'German'",
    "intervalstyle": "'sql_standard'",
    "timezone": "'Asia/Kolkata'",
    "bytea_output": "'escape'",
    "quote_all_identifiers": "on",
    "statement_timeout": "'15ms'",
    "idle_in_transaction_session_timeout": "'20ms'",
    "idle_session_timeout": "'20ms'",
    "transaction_timeout": "'20ms'",
    "lock_timeout": "'1ms'",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "'serializable'",
    "default_transaction_deferrable": "on",
    "row_security": "off",
    "session_replication_role": "'replica'",
    "check_function_bodies": "off",
    "client_encoding": "'LATIN1'",
    "client_min_messages": "'error'",
    "standard_conforming_strings": "off",
    "extra_float_digits": "-5",
    "jit_above_cost": "0",
    "debug_parallel_query": "on",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "track_counts": "off",
    "track_activities": "off",
    "default_tablespace": "'pg_default'",
    "default_toast_compression": "'pglz'",
    "work_mem": "'64kB'",
    "enable_seqscan": "off",
    "lo_compat_privileges": "on",
    "createrole_self_grant": "'set'",
    "temp_file_limit": "'1MB'",
    "xmloption": "'document'",
    "search_path": "crm, public",
    "event_triggers": "off",
    "plpgsql.variable_conflict": "'use_column'",
    "plpgsql.extra_errors": "'all'",
    "log_statement": "'all'",
    "synchronous_commit": "off",
    "tcp_keepalives_idle": "1",
    "client_connection_check_interval": "'1s'",
    "constraint_exclusion": "on",
    "rollback.bot_label": "'twin'",
    "rollback.gemini": "'remove'",
}
"""Only read as a case where the server knows the setting."""

COLLIDING = "CREATE SCHEMA IF NOT EXISTS crm;\nCREATE TYPE crm.conversation_status AS ENUM ('z');\n"

SETTINGS = [
    Case(f"the database is set to {name} = {value}", f"ALTER DATABASE {{database}} SET {name} = {value};")
    for name, value in OF_DATABASE.items()
    if name != "search_path"
]
PATHS = [
    Case(
        "the database's search_path has a schema with types of the same names first",
        COLLIDING
        + "CREATE TABLE crm.users (id int);\nCREATE FUNCTION crm.now() RETURNS int LANGUAGE sql AS $$SELECT 1$$;\n"
        "ALTER DATABASE {database} SET search_path = crm, public, extensions;",
    ),
    Case("the database's search_path is empty", "ALTER DATABASE {database} SET search_path = '';"),
    Case("the database's search_path lacks public", COLLIDING + "ALTER DATABASE {database} SET search_path = crm;"),
    Case(
        "the database's search_path puts pg_catalog last",
        "CREATE SCHEMA IF NOT EXISTS sly;\nCREATE FUNCTION sly.count(text) RETURNS int LANGUAGE sql AS $$SELECT 1$$;\n"
        "CREATE VIEW sly.pg_class AS SELECT 1 AS oid;\n"
        "ALTER DATABASE {database} SET search_path = sly, public, extensions, pg_catalog;",
    ),
    Case(
        "a function on the search_path that PostgreSQL would call in place of its own",
        "CREATE SCHEMA IF NOT EXISTS sly;\nCREATE FUNCTION sly.format(text, text) RETURNS text LANGUAGE sql AS $$SELECT 'x'$$;\n"
        "ALTER DATABASE {database} SET search_path = public, extensions, sly;",
        "blocked",
        says=r"sly\.format",
        alone=True,
        beside=True,
    ),
    Case(
        "the role's search_path in this database is empty",
        "ALTER ROLE postgres IN DATABASE {database} SET search_path = '';",
    ),
    Case(
        "the role's settings in this database",
        "ALTER ROLE postgres IN DATABASE {database} SET statement_timeout = '15ms';\n"
        "ALTER ROLE postgres IN DATABASE {database} SET datestyle = 'SQL, DMY';",
    ),
    Case(
        "the role acts as another role in this database",
        "CREATE ROLE hostile_hat;\nALTER ROLE postgres IN DATABASE {database} SET role = 'hostile_hat';",
        "blocked",
        undo_after="DROP ROLE hostile_hat;",
        alone=True,
        beside=True,
    ),
]
CLUSTER = [
    Case(
        "the role's settings in all databases",
        "ALTER ROLE postgres SET statement_timeout = '15ms';\nALTER ROLE postgres SET datestyle = 'German';\n"
        "ALTER ROLE postgres SET search_path = '';\nALTER ROLE postgres SET default_transaction_read_only = on;",
        undo="ALTER ROLE postgres RESET ALL;",
        alone=True,
    ),
    Case(
        "the maintenance database is read-only and impatient",
        "ALTER DATABASE postgres SET default_transaction_read_only = on;\nALTER DATABASE postgres SET statement_timeout = '15ms';\n"
        "ALTER DATABASE postgres SET search_path = '';",
        undo="ALTER DATABASE postgres RESET ALL;",
        alone=True,
    ),
    Case(
        "the database is marked as a template",
        "ALTER DATABASE {database} IS_TEMPLATE true;",
        undo="ALTER DATABASE {database} IS_TEMPLATE false;",
        alone=True,
    ),
    Case(
        "the database's collation is of another version",
        "UPDATE pg_database SET datcollversion = '1' WHERE datname = current_database();",
        says="(?i)collation",
        alone=True,
        versions=("15", "18"),
    ),
]
ENVIRONMENTS = {
    "PGOPTIONS": "-c search_path=nowhere -c datestyle=German -c statement_timeout=15ms -c default_transaction_read_only=on",
    "PGDATESTYLE": "German",
    "PGTZ": "Asia/Kolkata",
    "PGCLIENTENCODING": "LATIN1",
    "PGAPPNAME": "somebody's psql",
    "PGCONNECT_TIMEOUT": "2",
    "PSQLRC": "/nowhere",
    "PG_COLOR": "always",
    "LC_ALL": "de_DE.UTF-8",
}
SHELLS = [
    Case(f"the environment has {name}={value}", "SELECT 1;", env={name: value}) for name, value in ENVIRONMENTS.items()
]
CALLED = [
    Case("a database with a slash in its name", "SELECT 1;", dbname="team/db", alone=True),
    Case(
        "a database with quotes, percent and spaces in its name",
        "SELECT 1;",
        dbname='it\'s 100% "ours" {0} $x',
        alone=True,
    ),
    Case(
        "a database with a long name in other letters", "SELECT 1;", dbname="größte_datenbank_" + "ä" * 22, alone=True
    ),
    Case(
        "a database whose name looks like a connection string",
        "SELECT 1;",
        dbname="dbname=postgres host=nowhere",
        alone=True,
    ),
    Case("a database in SQL_ASCII", "SELECT 1;", encoding="SQL_ASCII", alone=True),
    Case("a database in LATIN1", "SELECT 1;", encoding="LATIN1", alone=True),
]

CASES = [*SETTINGS, *PATHS, *CLUSTER, *SHELLS, *CALLED]
