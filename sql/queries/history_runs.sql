-- The newest rehearsals of a target, the newest first, with the seconds of their steps in their order. One that was
-- killed has no total: when it ended is only when the next one found it.
SELECT r.id, r.label, r.began, r.ended, r.outcome, r.reason, r.scripts, r.bytes, r.rows, r.longest_lock,
       r.longest_lock_on, r.outage, r.transaction,
       CASE WHEN r.outcome <> 'killed' THEN extract(epoch FROM r.ended - r.began)::float8 END AS total,
       coalesce((SELECT jsonb_agg(jsonb_build_array(s.name, s.seconds, s.outcome) ORDER BY s.number)
                   FROM rehearsal.step s WHERE s.run_id = r.id), '[]') AS steps
  FROM rehearsal.run r
 WHERE r.target = %(target)s
 ORDER BY r.began DESC
 LIMIT %(length)s
