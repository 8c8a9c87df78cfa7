-- snapshots
-- The copies of this database that runs took before they changed it and that are still there, the newest first.
SELECT s.found ->> 'copy' AS database,
       s.run_id AS run,
       r.incident,
       s.ended AS taken,
       coalesce(s.found ->> 'way_back', '') AS way_back,
       pg_database_size(d.oid) AS bytes,
       (SELECT v.outcome = 'done' FROM rollback.step v WHERE v.run_id = r.id AND v.name = 'verify the schema'
         ORDER BY v.started DESC LIMIT 1) IS TRUE AS committed,
       (SELECT max(p.ended) FROM rollback.step p WHERE p.run_id = r.id AND p.name = 'portable dump' AND p.outcome = 'done') AS proved
  FROM rollback.step s
  JOIN rollback.run r ON r.id = s.run_id
  JOIN pg_database d ON d.datname = s.found ->> 'copy'
 WHERE s.name = 'back up' AND s.found ? 'copy'
 ORDER BY s.started DESC
