-- The transaction was rolled back: what its steps did is not there.
UPDATE rollback.step
   SET outcome = 'failed', ended = coalesce(ended, clock_timestamp()),
       found = found || '{"undone": "rolled back with the transaction"}'
 WHERE run_id = %(run)s AND outcome = 'running'
