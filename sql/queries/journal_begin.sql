-- A run begins, or goes on after it was interrupted.
INSERT INTO rollback.run (id, incident, target, request, plan, plan_hash, prefect_run, started)
VALUES (%(id)s, %(incident)s, %(target)s, %(request)s, %(plan)s, %(hash)s, %(prefect_run)s, clock_timestamp())
ON CONFLICT (id) DO UPDATE
   SET outcome = 'running', ended = NULL, state = '', prefect_run = EXCLUDED.prefect_run
