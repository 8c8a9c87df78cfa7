-- A rehearsal begins.
INSERT INTO rehearsal.run (id, label, target, prefect_run, scripts)
VALUES (%(id)s, %(label)s, %(target)s, %(prefect_run)s, %(scripts)s)
