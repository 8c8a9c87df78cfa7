-- snapshot_rights
-- What a copy of this database by CREATE DATABASE … TEMPLATE needs: may this role, and can the server share blocks?
SELECT r.rolsuper OR r.rolcreatedb AS may_create,
       r.rolsuper OR pg_has_role(r.oid, d.datdba, 'USAGE') AS owns,
       r.rolname::text AS role,
       EXISTS (SELECT FROM pg_settings WHERE name = 'file_copy_method' AND 'clone' = ANY (enumvals)) AS clones
  FROM pg_roles r, pg_database d
 WHERE r.rolname = current_user AND d.datname = current_database()
