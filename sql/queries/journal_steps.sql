-- The steps of a run, in their order. A journal that an older runbook made has no seals.
SELECT name, started, ended, outcome, found, coalesce(pg_catalog.to_jsonb(s) ->> 'mac', '') AS mac
  FROM rollback.step AS s
 WHERE run_id = %(run)s
 ORDER BY started, id
