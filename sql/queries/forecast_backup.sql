-- forecast_backup
-- How long the backup took in its newest runs on this database, by the way it was taken: s, and the database's bytes.
SELECT method, clone, seconds, bytes
  FROM (SELECT s.found ->> 'method' AS method,
               coalesce((s.found ->> 'clone')::boolean, false) AS clone,
               extract(epoch FROM s.ended - s.started)::float8 AS seconds,
               (r.plan ->> 'database_bytes')::int8 AS bytes,
               row_number() OVER (PARTITION BY s.found ->> 'method', s.found ->> 'clone' ORDER BY s.started DESC) AS nr
          FROM rollback.step AS s
          JOIN rollback.run AS r ON r.id = s.run_id
         WHERE s.name = 'back up' AND s.outcome = 'done' AND s.ended IS NOT NULL AND s.found ? 'method') AS steps
 WHERE nr <= %(runs)s
 ORDER BY method, clone, nr
