-- What the one transaction runs under, until its end. It waits for a lock for :lock_ms; the only one that can hold one behind
-- the fence is autovacuum, which PostgreSQL cancels itself once we waited for deadlock_timeout: that comes first. A
-- superuser makes it come soon; others wait for longer. Triggers of the team's may write times without a zone: they are
-- in the zone that everybody else's sessions have. The commit waits for a standby where role, database or server say so;
-- what else the runbook writes does not.
SELECT set_config('rollback.bot_label', %(bot_label)s, true),
       set_config('rollback.gemini', %(gemini)s, true),
       set_config('TimeZone', (SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'), true),
       set_config('synchronous_commit', (SELECT CASE reset_val WHEN 'off' THEN 'on' ELSE reset_val END
                                           FROM pg_settings WHERE name = 'synchronous_commit'), true),
       CASE WHEN r.rolsuper THEN set_config('deadlock_timeout', least(s.setting::int, %(lock_ms)s::int / 2 + 1)::text, true) END,
       set_config('lock_timeout', CASE WHEN r.rolsuper THEN %(lock_ms)s::int
                                       ELSE greatest(%(lock_ms)s::int, s.setting::int + 500) END::text, true)
  FROM pg_settings AS s
  JOIN pg_roles AS r ON r.rolname = current_user
 WHERE s.name = 'deadlock_timeout'
