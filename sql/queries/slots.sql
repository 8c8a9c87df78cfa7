-- Logical replication slots of this database: what they are for, who reads them now and from where, and how much WAL they
-- keep back, in bytes.
SELECT s.slot_name::text AS slot,
       s.plugin::text    AS plugin,
       s.active,
       coalesce(nullif(a.application_name, ''), '(no name)') AS application,
       CASE WHEN a.backend_type IS NULL THEN 'hidden' ELSE coalesce(host(a.client_addr), 'local') END AS address,
       CASE WHEN NOT pg_is_in_recovery()
            THEN coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0) END::int8 AS bytes
  FROM pg_replication_slots AS s
  LEFT JOIN pg_stat_activity AS a ON a.pid = s.active_pid
 WHERE s.database = current_database()
   AND NOT s.temporary
 ORDER BY s.slot_name
