-- All runs, the newest first. A journal that an older runbook made has no seals. A row with a time that cannot be is none.
SELECT id, incident, target, request, plan, outcome, state, plan_hash, prefect_run, started, ended,
       coalesce(pg_catalog.to_jsonb(r) ->> 'mac', '') AS mac,
       coalesce(pg_catalog.to_jsonb(r) ->> 'end_mac', '') AS end_mac,
       EXISTS (SELECT FROM rollback.step s
                WHERE s.run_id = r.id AND s.name = 'verify the schema' AND s.outcome = 'done') AS committed
  FROM rollback.run AS r
 WHERE started BETWEEN '2000-01-01' AND '9999-01-01' AND (ended IS NULL OR ended BETWEEN '2000-01-01' AND '9999-01-01')
 ORDER BY started DESC
