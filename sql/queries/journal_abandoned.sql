-- Runs that ended without a word: this runner holds the lock, so none of them is alive.
WITH run AS (
    UPDATE rollback.run
       SET outcome = 'failed', ended = clock_timestamp(),
           state = 'The runner was killed; a later run for the database found it so.'
     WHERE outcome = 'running' AND id <> %(id)s
    RETURNING id
)
UPDATE rollback.step
   SET outcome = 'failed', ended = clock_timestamp(), found = found || '{"error": "the runner was killed"}'
 WHERE outcome = 'running' AND run_id IN (SELECT id FROM run)
