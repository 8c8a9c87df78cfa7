-- Is there a journal? And is it one that this program can read: with the table of steps.
SELECT to_regclass('rollback.step') IS NOT NULL AS found
