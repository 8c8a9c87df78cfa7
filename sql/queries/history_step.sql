-- A step of a rehearsal ended.
INSERT INTO rehearsal.step (run_id, number, name, seconds, outcome)
SELECT %(run)s, coalesce(max(number), 0) + 1, %(name)s, %(seconds)s, %(outcome)s
  FROM rehearsal.step
 WHERE run_id = %(run)s
