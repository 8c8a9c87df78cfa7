-- Runs that were killed before their commit: they stand as running although no runner lives (the caller holds the
-- runner's lock), and the last step of the transaction is not done.
SELECT r.id, r.incident, r.request,
       EXISTS (SELECT FROM rollback.step s WHERE s.run_id = r.id AND s.name = 'stop services') AS stopped
  FROM rollback.run r
 WHERE r.outcome = 'running'
   AND NOT EXISTS (SELECT FROM rollback.step s
                    WHERE s.run_id = r.id AND s.name = 'verify the schema' AND s.outcome = 'done')
 ORDER BY r.started
