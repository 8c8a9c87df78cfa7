-- rehearsal_key
-- An advisory lock on the source, for this transaction: whoever sees it in pg_locks is on the same server. Writes nothing.
SELECT pg_advisory_xact_lock(%(high)s::int, %(low)s::int)
