-- How long each step took in its newest runs on this database, in s, and how large the database was then, in bytes.
SELECT name, seconds, bytes
  FROM (SELECT s.name,
               extract(epoch FROM s.ended - s.started)::float8 AS seconds,
               (r.plan ->> 'database_bytes')::int8 AS bytes,
               row_number() OVER (PARTITION BY s.name ORDER BY s.started DESC) AS nr
          FROM rollback.step AS s
          JOIN rollback.run AS r ON r.id = s.run_id
         WHERE s.outcome = 'done' AND s.ended IS NOT NULL) AS steps
 WHERE nr <= %(runs)s
 ORDER BY name, nr
