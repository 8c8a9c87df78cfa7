-- See scratch_lock.sql.
SELECT pg_advisory_unlock(hashtextextended(%(database)s, 0)) AS unlocked
