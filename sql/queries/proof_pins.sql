-- Settings that decide how values look as text, and that could end a long reading: the same on both sides of a proof,
-- whatever role and database have set. One that this version does not have is passed over.
SELECT set_config(s.name, pin.value, false)
  FROM (VALUES ('application_name', 'rollback-proof'),
               ('search_path', ''),
               ('DateStyle', 'ISO, MDY'),
               ('IntervalStyle', 'postgres'),
               ('TimeZone', 'UTC'),
               ('extra_float_digits', '1'),
               ('bytea_output', 'hex'),
               ('lc_monetary', 'C'),
               ('xmloption', 'content'),
               ('row_security', 'off'),
               ('jit', 'off'),
               ('statement_timeout', '0'),
               ('lock_timeout', '10s'),
               ('idle_in_transaction_session_timeout', '0'),
               ('transaction_timeout', '0')) AS pin (name, value)
  JOIN pg_settings s ON lower(s.name) = lower(pin.name)
