-- database_properties
-- What CREATE DATABASE … TEMPLATE does not copy of this database, as the statements that give it to the database called
-- :database, in the order in which they must run: owner, connection limit, grants, settings, comment, security labels.
WITH original AS (
    SELECT d.oid, d.datdba, d.datacl, d.datconnlimit, d.datistemplate, r.rolname AS owner, %(database)s::text AS name
      FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
     WHERE d.datname = current_database()
), grants AS (
    SELECT o.name, a.privilege_type, a.is_grantable,
           CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
      FROM original o, aclexplode(o.datacl) a
), settings AS (
    SELECT o.name, s.setrole, split_part(one, '=', 1) AS setting, substr(one, strpos(one, '=') + 1) AS value
      FROM original o JOIN pg_db_role_setting s ON s.setdatabase = o.oid, unnest(s.setconfig) AS one
), statements AS (
    SELECT 1 AS nr, format('ALTER DATABASE %%I OWNER TO %%I', name, owner) AS statement FROM original
     UNION ALL
    SELECT 2, format('ALTER DATABASE %%I CONNECTION LIMIT %%s', name, datconnlimit) FROM original WHERE datconnlimit <> -1
     UNION ALL
    SELECT 3, format('ALTER DATABASE %%I IS_TEMPLATE true', name) FROM original WHERE datistemplate
     UNION ALL
    SELECT 4, format('REVOKE ALL ON DATABASE %%I FROM PUBLIC, %%I', name, owner) FROM original WHERE datacl IS NOT NULL
     UNION ALL
    SELECT 5, format('GRANT %%s ON DATABASE %%I TO %%s%%s', string_agg(privilege_type, ', ' ORDER BY privilege_type), name,
                     grantee, CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
      FROM grants GROUP BY name, grantee, is_grantable
     UNION ALL
    -- Each part of a setting that is a list becomes a literal, as pg_dump does it: SET … FROM CURRENT keeps such a value
    -- as it was typed, and "public;DROP/**/TABLE/**/x" is one that PostgreSQL takes. Bare names are folded as it folds them.
    SELECT 6, format('ALTER %%s SET %%I TO %%s',
                     CASE setrole WHEN 0 THEN format('DATABASE %%I', name)
                                  ELSE format('ROLE %%I IN DATABASE %%I', pg_get_userbyid(setrole), name) END,
                     setting,
                     CASE WHEN setting IN ('search_path', 'temp_tablespaces', 'local_preload_libraries',
                                           'session_preload_libraries', 'createrole_self_grant')
                          THEN coalesce((SELECT string_agg(quote_literal(coalesce(replace(part[1], '""', '"'),
                                                CASE WHEN setting LIKE '%%libraries' THEN part[2] ELSE lower(part[2]) END)),
                                                ', ' ORDER BY nr)
                                           FROM regexp_matches(value, '"((?:[^"]|"")*)"|([^",\s][^,\s]*)', 'g')
                                                WITH ORDINALITY AS parts (part, nr)), quote_literal(''))
                          ELSE quote_literal(value) END)
      FROM settings
     UNION ALL
    SELECT 7, format('COMMENT ON DATABASE %%I IS %%L', name, shobj_description(oid, 'pg_database')) FROM original
     WHERE shobj_description(oid, 'pg_database') IS NOT NULL
     UNION ALL
    SELECT 8, format('SECURITY LABEL FOR %%I ON DATABASE %%I IS %%L', l.provider, o.name, l.label)
      FROM original o JOIN pg_shseclabel l ON l.objoid = o.oid AND l.classoid = 'pg_database'::regclass
)
SELECT statement FROM statements ORDER BY nr, statement
