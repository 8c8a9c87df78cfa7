-- Prepare a session to be the watchdog (sql/fence/watchdog.sql): what it watches, and no limit of the role, the database or
-- the server that would end it, keep it from writing, or make it speak to a client that is gone.
SELECT set_config(v.name, v.value, false)
  FROM (VALUES ('rollback.watched', %(database)s::text),
               ('rollback.orphan_seconds', %(seconds)s::text),
               ('statement_timeout', '0'),
               ('lock_timeout', '0'),
               ('transaction_timeout', '0'),
               ('idle_session_timeout', '0'),
               ('idle_in_transaction_session_timeout', '0'),
               ('client_connection_check_interval', '0'),
               ('default_transaction_read_only', 'off'),
               ('synchronous_commit', 'local'),
               ('client_min_messages', 'error'),
               ('search_path', 'pg_catalog')) AS v (name, value)
 WHERE v.name LIKE 'rollback.%%'
    OR EXISTS (SELECT FROM pg_settings AS s WHERE s.name = v.name)
