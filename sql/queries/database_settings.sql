-- The settings of a database (ALTER DATABASE … SET), one row each; those of single roles are left out.
-- default_transaction_read_only would keep a restore out.
SELECT split_part(setting, '=', 1)                AS name,
       substr(setting, strpos(setting, '=') + 1) AS value
  FROM pg_db_role_setting s
  JOIN pg_database d ON d.oid = s.setdatabase,
       unnest(s.setconfig) AS setting
 WHERE d.datname = %(database)s
   AND s.setrole = 0
   AND split_part(setting, '=', 1) <> 'default_transaction_read_only'
 ORDER BY 1
