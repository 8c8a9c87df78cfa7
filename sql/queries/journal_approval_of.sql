-- The newest decision in a run. A journal that an older runbook made has no without_rehearsal.
SELECT came, decision, name, role, comment,
       coalesce(to_jsonb(a) ->> 'without_rehearsal', '') AS without_rehearsal
  FROM rollback.approval AS a
 WHERE run_id = %(run)s
 ORDER BY id DESC
 LIMIT 1
