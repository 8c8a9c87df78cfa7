-- The operator gives up on who still waits for a mail.
UPDATE rollback.notified AS n
   SET outcome = 'given up'
  FROM rollback.run AS r
 WHERE r.id = n.run_id AND r.incident = %(incident)s AND n.kind = 'user' AND n.outcome = 'waiting'
