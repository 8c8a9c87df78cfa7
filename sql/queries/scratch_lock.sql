-- A proof holds its scratch database by a session's advisory lock, which dies with its connection.
SELECT pg_try_advisory_lock(hashtextextended(%(database)s, 0)) AS locked
