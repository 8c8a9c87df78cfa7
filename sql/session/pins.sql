-- What every session of the runbook depends on, set right after it connected, whatever role, database, server and
-- environment say. Sent as one string of several statements: one round trip, and one transaction.
-- First what holds for pg_dump and pg_restore too: they get each line `SET name = value;` by PGOPTIONS.
-- Left as they are: role (ALTER ROLE ... SET role says who the runbook is; rights are looked up for current_user), and
-- what only costs time (work_mem, planner settings).

-- No limit but the runbook's own ends a statement, a wait for an answer, or a transaction. This one comes first: it
-- could end what follows.
SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET idle_session_timeout = 0;
-- It writes, and sees at each statement what is so then.
SET default_transaction_read_only = off;
SET default_transaction_isolation = 'read committed';
SET default_transaction_deferrable = off;
-- Values look the same everywhere: they are compared, hashed, and read by Python.
SET DateStyle = 'ISO, MDY';
SET IntervalStyle = 'postgres';
SET TimeZone = 'UTC';
SET bytea_output = 'hex';
SET extra_float_digits = 1;
SET xmloption = 'content';
-- Definitions that PostgreSQL writes out look the same everywhere.
SET quote_all_identifiers = off;
-- The scripts mean what they say.
SET standard_conforming_strings = on;
SET backslash_quote = 'safe_encoding';
SET array_nulls = on;
SET transform_null_equals = off;
SET check_function_bodies = on;
SET plpgsql.extra_errors = 'none';
SET plpgsql.extra_warnings = 'none';
-- An error is answered by going back to a savepoint, not by losing the session.
SET exit_on_error = off;
-- Rows that a policy hides raise an error; they are never overlooked.
SET row_security = off;
-- What is made lies where the database lies, as an ordinary table.
SET default_tablespace = '';
SET temp_tablespaces = '';
SET default_table_access_method = 'heap';
-- Notices are heard, and nothing below them.
SET client_min_messages = 'notice';

-- Then what holds for the runbook's own sessions; a setting that this version does not have is passed over.
-- * transaction_timeout, restrict_nonsystem_relation_kind: as above; not in every version.
-- * stats_fetch_consistency: who is connected is asked again and again inside one transaction.
-- * lock_timeout: nothing waits for somebody's lock for long while users are online; the transaction has its own.
-- * jit, parallel workers: many short queries; behind the fence older servers let no worker of ours in.
-- * synchronous_commit: a commit that is reported stays, also where a role says off. Journal and fence wait for no standby:
--   they must not hang where one is gone. The one transaction does, where it is told to (transaction_settings.sql), and
--   takes what was written before along.
-- * search_path: public first, for the procedure's queries name no schema. Then the session's own, and then the
--   database's, as a trigger of the team's may find what it needs by them alone. pg_catalog always comes before.
SELECT pg_catalog.set_config(pin.name, pin.value, false)
  FROM (VALUES ('transaction_timeout', '0'),
               ('restrict_nonsystem_relation_kind', ''),
               ('stats_fetch_consistency', 'cache'),
               ('lock_timeout', '10s'),
               ('jit', 'off'),
               ('max_parallel_workers_per_gather', '0'),
               ('max_parallel_maintenance_workers', '0'),
               ('synchronous_commit', 'local'),
               ('search_path', pg_catalog.array_to_string(ARRAY(
                    SELECT part.name
                      FROM (SELECT 0 AS nr, 'public'::text AS path
                            UNION ALL SELECT 1, pg_catalog.current_setting('search_path')
                            UNION ALL SELECT 2, pg_catalog.substr(line, 13)
                              FROM pg_catalog.pg_database AS d
                              JOIN pg_catalog.pg_db_role_setting AS s ON s.setdatabase OPERATOR(pg_catalog.=) d.oid
                             CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS line
                             WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
                               AND s.setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid
                               AND line OPERATOR(pg_catalog.~~) 'search\_path=%') AS own
                     CROSS JOIN LATERAL pg_catalog.regexp_matches(own.path, '"(?:[^"]|"")*"|[^",\s][^",]*', 'g')
                           WITH ORDINALITY AS found (hit, nr)
                     CROSS JOIN LATERAL (SELECT pg_catalog.btrim(found.hit[1]) AS name) AS part
                     WHERE part.name OPERATOR(pg_catalog.<>) ALL (ARRAY['pg_catalog', '"pg_catalog"', '""'])
                     ORDER BY own.nr, found.nr), ', '))) AS pin (name, value)
 WHERE pg_catalog.current_setting(pin.name, true) IS NOT NULL;
