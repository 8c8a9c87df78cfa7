-- The steps of a run, in their order. A journal that an older runbook made has no seals. As to times, as in journal_runs.
SELECT name, started, ended, outcome, found, coalesce(pg_catalog.to_jsonb(s) ->> 'mac', '') AS mac
  FROM rollback.step AS s
 WHERE run_id = %(run)s AND started BETWEEN '2000-01-01' AND '9999-01-01' AND (ended IS NULL OR ended BETWEEN '2000-01-01' AND '9999-01-01')
 ORDER BY started, id
