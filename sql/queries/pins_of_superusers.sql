-- Settings that only a superuser may change and that are not as the runbook needs them. No row: all is well.
-- * session_replication_role: 'replica' fires no triggers and holds no foreign keys.
-- * track_counts: the rows that the transaction changes are counted by the server's own counters.
-- * lc_messages: what libpq and PostgreSQL's programs say is partly told apart by its words. (needed: false)
SELECT pin.name, pin.value, pin.needed
  FROM (VALUES ('session_replication_role', 'origin', '^origin$', true),
               ('track_counts', 'on', '^on$', true),
               ('lc_messages', 'C', '^(|C|C\..*|POSIX|en.*|English.*)$', false)) AS pin (name, value, good, needed)
 WHERE pg_catalog.current_setting(pin.name) OPERATOR(pg_catalog.!~) pin.good
