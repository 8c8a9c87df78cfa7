-- All runs, the newest first.
SELECT id, incident, target, request, outcome, state, plan_hash, prefect_run, started, ended,
       EXISTS (SELECT FROM rollback.step s
                WHERE s.run_id = run.id AND s.name = 'verify the schema' AND s.outcome = 'done') AS committed
  FROM rollback.run
 ORDER BY started DESC
