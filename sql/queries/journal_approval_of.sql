-- All decisions in a run, the newest first. A journal that an older runbook made lacks what is read as JSON.
SELECT came, decision, name, role, comment,
       coalesce(pg_catalog.to_jsonb(a) ->> 'without_rehearsal', '') AS without_rehearsal,
       coalesce(pg_catalog.to_jsonb(a) ->> 'plan_hash', '') AS plan_hash,
       coalesce(pg_catalog.to_jsonb(a) ->> 'mac', '') AS mac
  FROM rollback.approval AS a
 WHERE run_id = %(run)s AND came BETWEEN '2000-01-01' AND '9999-01-01'
 ORDER BY id DESC
