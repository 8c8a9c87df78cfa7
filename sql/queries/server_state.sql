-- What the server and its settings say of whether a rollback can be done here; one row. Reads catalogues only.
-- Room for connections: what is left once everybody is off this database. The runbook's own are not counted.
WITH db AS (SELECT * FROM pg_database WHERE datname = current_database()),
     me AS (SELECT * FROM pg_roles WHERE rolname = current_user),
     login AS (SELECT rolname, rolsuper, rolconnlimit FROM pg_roles WHERE rolname = session_user),
     place AS (SELECT t.oid, t.spcname FROM pg_tablespace AS t JOIN db ON t.oid = db.dattablespace)
SELECT pg_is_in_recovery() AS standby,
       (SELECT to_jsonb(w) ->> 'sender_host' FROM pg_stat_wal_receiver AS w LIMIT 1) AS sender,
       (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only') AS read_only,
       (SELECT string_agg(CASE WHEN s.setrole = 0 AND s.setdatabase <> 0 THEN format('ALTER DATABASE %I RESET default_transaction_read_only', db.datname)
                               WHEN s.setdatabase = 0 THEN format('ALTER ROLE %I RESET default_transaction_read_only', s.setrole::regrole::name)
                               ELSE format('ALTER ROLE %I IN DATABASE %I RESET default_transaction_read_only', s.setrole::regrole::name, db.datname) END, '; ')
          FROM pg_db_role_setting AS s, db
         WHERE s.setdatabase IN (0, db.oid) AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))
           AND 'default_transaction_read_only=on' = ANY (s.setconfig)) AS read_only_remedy,
       pg_encoding_to_char(db.encoding)::text AS encoding,
       to_jsonb(db) ->> 'datcollversion' AS collation_then,
       age(db.datfrozenxid) AS xid_age,
       mxid_age(db.datminmxid) AS multixact_age,
       quote_ident(place.spcname) AS tablespace,
       place.spcname = 'pg_default' OR has_tablespace_privilege(current_user, place.oid, 'CREATE') AS may_use_tablespace,
       quote_ident(login.rolname) AS login,
       quote_ident(db.datname) AS database,
       CASE WHEN NOT login.rolsuper AND login.rolconnlimit >= 0
            THEN login.rolconnlimit - (SELECT count(*) FROM pg_stat_activity AS a
                                        WHERE a.usename = login.rolname AND a.datid <> db.oid
                                          AND a.application_name <> 'rollback')::int END AS role_room,
       CASE WHEN NOT login.rolsuper AND db.datconnlimit >= 0 THEN db.datconnlimit END AS database_room,
       current_setting('max_connections')::int
           - CASE WHEN login.rolsuper THEN 0
                  ELSE current_setting('superuser_reserved_connections')::int
                       + coalesce(current_setting('reserved_connections', true)::int, 0) END
           - (SELECT count(*) FROM pg_stat_activity AS a
               WHERE a.datid <> db.oid AND coalesce(a.backend_type, 'client backend') = 'client backend'
                 AND a.usesysid IS NOT NULL AND a.application_name IS DISTINCT FROM 'rollback')::int AS server_room
  FROM db, me, login, place
