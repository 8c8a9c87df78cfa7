-- One runner at a time on a database: a session's advisory lock, which dies with its connection. The two numbers spell
-- "roll" and "back" in ASCII.
SELECT pg_try_advisory_lock(x'726F6C6C'::int, x'6261636B'::int) AS locked
