-- Let the server notice within about 40 s that this connection's other end is gone with its whole machine: it asks after
-- 10 s of silence, three times, and waits 30 s for what it sent. (Nothing of it applies to a Unix socket.)
SELECT set_config(v.name, v.value, false)
  FROM (VALUES ('tcp_keepalives_idle', '10'),
               ('tcp_keepalives_interval', '10'),
               ('tcp_keepalives_count', '3'),
               ('tcp_user_timeout', '30000')) AS v (name, value)
