-- The newest run, when its transaction committed and it did not come to its end.
-- The commit is told by the last step inside the transaction, whose row came with it.
SELECT r.id, r.incident
  FROM rollback.run r
  JOIN rollback.step s ON s.run_id = r.id AND s.name = 'verify the schema' AND s.outcome = 'done'
 WHERE r.outcome IN ('running', 'failed')
   AND r.started = (SELECT max(started) FROM rollback.run)
