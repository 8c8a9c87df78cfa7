-- What a database must have to take another one's rows: encoding, collation and place, as CREATE DATABASE is told them.
-- The columns differ from version to version (14: no provider; 15 and 16: daticulocale; 17 and newer: datlocale), so
-- that the row is read as JSON. pg_default is where a database comes by itself; to name it takes a right.
SELECT pg_encoding_to_char(d.encoding)::text AS encoding,
       d.datcollate::text                    AS lc_collate,
       d.datctype::text                      AS lc_ctype,
       coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') AS provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale,
       to_jsonb(d) ->> 'daticurules' AS rules,
       nullif(t.spcname, 'pg_default')::text AS tablespace
  FROM pg_database d
  JOIN pg_tablespace t ON t.oid = d.dattablespace
 WHERE d.datname = %(database)s
