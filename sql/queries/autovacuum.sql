-- Autovacuum's workers in this database: on which table, whether against wraparound (PostgreSQL itself never cancels that),
-- and whether this role may end them. A role that may not look at others' sessions is not told what they are: those
-- without a user are autovacuum's, and what they do is seen from their locks.
SELECT a.pid,
       coalesce(held.tables, 'a table that it has not opened yet') AS "table",
       coalesce(a.query LIKE 'autovacuum: %' AND a.query LIKE '%(to prevent wraparound)', false)
           OR (a.backend_type IS NULL AND coalesce(held.old, false)) AS wraparound,
       coalesce(r.rolsuper OR pg_has_role(to_regrole('pg_signal_autovacuum_worker')::oid, 'USAGE'), false) AS may_end
  FROM pg_stat_activity AS a
  JOIN pg_roles AS r ON r.rolname = current_user
  LEFT JOIN LATERAL (
       SELECT string_agg(DISTINCT format('%I.%I', c.relnamespace::regnamespace::name, c.relname), ', ') AS tables,
              bool_or(age(c.relfrozenxid) > current_setting('autovacuum_freeze_max_age')::int) AS old
         FROM pg_locks AS l
         JOIN pg_class AS c ON c.oid = l.relation AND c.relkind IN ('r', 'm', 't')
        WHERE l.pid = a.pid AND l.mode = 'ShareUpdateExclusiveLock' AND l.database = a.datid) AS held ON true
 WHERE a.datname = current_database()
   AND (a.backend_type = 'autovacuum worker' OR a.backend_type IS NULL AND a.usesysid IS NULL)
 ORDER BY a.pid
