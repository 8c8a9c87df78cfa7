-- What became of a user's mail. It is doubtful from the moment the server is asked to take it until it answers.
UPDATE rollback.notified AS n
   SET outcome = %(outcome)s, said = %(said)s, sent = clock_timestamp(),
       tries = n.tries + CASE WHEN %(outcome)s = 'doubtful' THEN 0 ELSE 1 END
  FROM rollback.run AS r
 WHERE r.id = n.run_id AND r.incident = %(incident)s AND n.kind = 'user' AND n.recipient = %(recipient)s
