-- Users of an incident who wait for their mail; who was tried least comes first.
SELECT n.recipient
  FROM rollback.notified AS n
  JOIN rollback.run AS r ON r.id = n.run_id
 WHERE r.incident = %(incident)s AND n.kind = 'user' AND n.outcome = 'waiting'
 ORDER BY n.tries, n.recipient
