-- Which database is this? The system identifier is made by initdb and is the same on every physical copy of a cluster,
-- so the name is needed beside it; and the oid, for a name can be given to another database.
SELECT system_identifier,
       current_database()::text AS database,
       current_setting('server_version_num')::int AS server_version,
       (SELECT oid::int8 FROM pg_database WHERE datname = current_database()) AS oid
  FROM pg_control_system()
