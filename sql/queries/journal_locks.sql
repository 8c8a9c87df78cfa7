-- The transaction committed: how long it held its locks is added to its last step.
UPDATE rollback.step
   SET found = found || pg_catalog.jsonb_build_object('locks', %(locks)s::jsonb)
 WHERE run_id = %(run)s AND name = 'verify the schema' AND outcome = 'done'
