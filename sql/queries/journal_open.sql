-- The newest run of an incident that was done, and in which somebody still waits to be told.
SELECT r.id
  FROM rollback.run AS r
 WHERE r.incident = %(incident)s AND r.outcome = 'done'
   AND EXISTS (SELECT FROM rollback.step AS s
                WHERE s.run_id = r.id AND s.name = 'verify the schema' AND s.outcome = 'done')
   AND EXISTS (SELECT FROM rollback.notified AS n
                 JOIN rollback.run AS o ON o.id = n.run_id
                WHERE o.incident = r.incident AND pg_catalog.to_jsonb(n) ->> 'outcome' = 'waiting'
                  AND (n.recipient NOT LIKE 'team: %%' OR n.recipient LIKE 'team: done: %%'))
 ORDER BY r.started DESC
