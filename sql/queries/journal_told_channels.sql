-- What became of the messages to the team's channels in a run. A journal of an earlier version has one row for all.
SELECT n.recipient, coalesce(pg_catalog.to_jsonb(n) ->> 'outcome', 'accepted') AS outcome
  FROM rollback.notified AS n
 WHERE n.run_id = %(run)s AND n.recipient LIKE 'team: %%'
