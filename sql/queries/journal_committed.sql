-- The row that came with the transaction of this run, where it committed.
SELECT run_id, name, started, ended, outcome, found, coalesce(pg_catalog.to_jsonb(s) ->> 'mac', '') AS mac
  FROM rollback.step AS s
 WHERE run_id = %(id)s AND name = 'verify the schema' AND outcome = 'done'
   AND started BETWEEN '2000-01-01' AND '9999-01-01' AND ended BETWEEN '2000-01-01' AND '9999-01-01'
