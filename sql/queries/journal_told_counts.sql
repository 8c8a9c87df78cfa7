-- How many were told in each incident, by what became of it; of the channels, those of its newest run that told the end.
SELECT r.incident, n.kind, n.outcome, count(*) AS count
  FROM (SELECT run_id, recipient,
               CASE WHEN recipient LIKE 'team: %' THEN 'channel' ELSE 'user' END AS kind,
               coalesce(pg_catalog.to_jsonb(m) ->> 'outcome', 'accepted') AS outcome
          FROM rollback.notified AS m) AS n
  JOIN rollback.run AS r ON r.id = n.run_id
 WHERE n.kind = 'user' OR n.recipient LIKE 'team: done: %'
 GROUP BY r.incident, n.kind, n.outcome
