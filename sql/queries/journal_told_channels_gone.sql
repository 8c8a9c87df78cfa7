-- Channels that wait in an incident and are no longer set, or whose run is not the one that tells now, are given up.
UPDATE rollback.notified AS n
   SET outcome = 'given up'
  FROM rollback.run AS r
 WHERE r.id = n.run_id AND r.incident = %(incident)s AND n.kind = 'channel' AND n.outcome = 'waiting'
   AND n.recipient LIKE 'team: done: %%'
   AND NOT (n.run_id = %(run)s AND n.recipient = ANY (%(recipients)s::text[]))
