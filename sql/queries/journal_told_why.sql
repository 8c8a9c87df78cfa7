-- What the mail server said to those who wait or were refused in an incident, the most frequent first.
SELECT n.outcome, n.said, count(*) AS count
  FROM rollback.notified AS n
  JOIN rollback.run AS r ON r.id = n.run_id
 WHERE r.incident = %(incident)s AND n.kind = 'user' AND n.said <> '' AND n.outcome IN ('waiting', 'refused', 'doubtful')
 GROUP BY n.outcome, n.said
 ORDER BY count(*) DESC, n.said
 LIMIT 3
