-- The steps of a rehearsal that took longer than usual: the median of the newest rehearsals that were done before it.
WITH past AS (
    SELECT id FROM rehearsal.run
     WHERE target = %(target)s AND outcome = 'done' AND id <> %(id)s
     ORDER BY began DESC LIMIT %(length)s
), took AS (
    SELECT run_id, name, sum(seconds) AS seconds, min(number) AS number
      FROM rehearsal.step WHERE outcome <> 'skipped' GROUP BY run_id, name
), usual AS (
    SELECT t.name, count(*) AS runs, percentile_cont(0.5) WITHIN GROUP (ORDER BY t.seconds) AS seconds
      FROM took t JOIN past ON past.id = t.run_id GROUP BY t.name
)
SELECT t.name, t.seconds, u.seconds AS usual, u.runs
  FROM took t JOIN usual u USING (name)
 WHERE t.run_id = %(id)s
   AND u.runs >= %(least)s
   AND t.seconds > u.seconds * %(factor)s
   AND t.seconds - u.seconds >= %(floor)s
 ORDER BY t.number
