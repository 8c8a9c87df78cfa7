-- Is there a journal? And is it one that this program can read: with the table of steps.
SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('rollback.step') AND attname = 'run_id') AS found
