-- The newest run for an incident, when its transaction committed and the run did not come to its end.
-- The commit is told by the last step inside the transaction, whose row came with it.
SELECT r.id
  FROM rollback.run r
  JOIN rollback.step s ON s.run_id = r.id AND s.name = 'verify the schema' AND s.outcome = 'done'
 WHERE r.incident = %(incident)s
   AND r.outcome IN ('running', 'failed')
   AND r.started = (SELECT max(started) FROM rollback.run WHERE incident = r.incident)
