-- The schema of the runbook's journal. It is made first and alone: who owns it is looked at before anything in it is touched.
CREATE SCHEMA IF NOT EXISTS rollback;
