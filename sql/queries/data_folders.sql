-- data_folders
-- Where the files of this database lie on the server's machine, the data folder first; NULL: this role may not know it.
SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS folder,
       (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
       0 AS nr
 UNION ALL
SELECT pg_tablespace_location(t.oid), NULL, 1
  FROM pg_tablespace t
 WHERE pg_tablespace_location(t.oid) <> ''
   AND t.oid IN (SELECT reltablespace FROM pg_class
                 UNION SELECT dattablespace FROM pg_database WHERE datname = current_database())
 ORDER BY nr
