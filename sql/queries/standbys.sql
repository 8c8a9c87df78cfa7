-- For whom the rollback's COMMIT waits (synchronous_standby_names), how many of them it needs, and how many are there. unknown: this role
-- may not see what the standbys are (pg_monitor). What the session itself says of synchronous_commit does not count: the
-- transaction takes what role, database and server say (sql/queries/transaction_settings.sql).
SELECT s.names,
       s.needed,
       count(r.pid) FILTER (WHERE r.sync_state IN ('sync', 'quorum') AND r.state = 'streaming')::int AS present,
       count(r.pid) FILTER (WHERE r.sync_state IS NULL)::int AS unknown
  FROM (SELECT btrim(current_setting('synchronous_standby_names')) AS names,
               coalesce((regexp_match(current_setting('synchronous_standby_names'),
                                      '^\s*(?:(?:first|any)\s+)?(\d+)\s*\(', 'i'))[1]::int, 1) AS needed) AS s
  LEFT JOIN pg_stat_replication AS r ON true
 WHERE s.names <> '' AND NOT pg_is_in_recovery()
   AND (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit') <> 'local'
 GROUP BY s.names, s.needed
