-- Does this run stand in the journal?
SELECT id, incident, target, outcome, state, plan, plan_hash, request, prefect_run, started, ended
  FROM rollback.run
 WHERE id = %(id)s
