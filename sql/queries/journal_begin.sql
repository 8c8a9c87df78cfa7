-- A run begins, or goes on after it was interrupted.
INSERT INTO rollback.run (id, incident, target, request, plan, plan_hash, prefect_run, started, mac)
VALUES (%(id)s, %(incident)s, %(target)s, %(request)s, %(plan)s, %(hash)s, %(prefect_run)s, %(started)s, %(mac)s)
ON CONFLICT (id) DO UPDATE
   SET outcome = 'running', ended = NULL, state = '', end_mac = '', prefect_run = EXCLUDED.prefect_run
