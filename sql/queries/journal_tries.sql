-- All answers to a run, in their order. A journal that an older runbook made has no without_rehearsal.
SELECT came, door, name, role, decision, plan, comment, lead_unreachable,
       coalesce(pg_catalog.to_jsonb(t) ->> 'without_rehearsal', '') AS without_rehearsal, accepted, why
  FROM rollback.approval_try AS t
 WHERE run_id = %(run)s
 ORDER BY id
