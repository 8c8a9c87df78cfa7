-- Masks the contact data of a clone: one UPDATE a table, all in the caller's transaction. Never run it on production.
-- Needs the temporary table contact (contacts.csv) and the setting rehearsal.salt, which nobody keeps.
--
-- DECLARED  a column of contacts.csv gets a value made of a hash of what it held: equal stays equal, unique stays
--           unique, NULL stays NULL, and nobody can find the old value by trying.
-- THE REST  every other column that holds text, JSON or a list of texts: each e-mail address in it becomes
--           somebody@staging.invalid; rows without one are not written.
-- TRIGGERS  are off while a table is written: updated_at stays, and no trigger sends anything. Each is put back as it was.
-- EVENTS    event triggers are off, too: quiet.sql, before; forget.sql, after it, puts them back.
-- LEFT OUT  schema rollback, which is dropped next, and foreign tables: their rows are on another server.
-- LOCKS     ACCESS EXCLUSIVE on each table; nobody else is connected.
CREATE TEMP TABLE masked (relation regclass, rows bigint, columns bigint) ON COMMIT DROP;

-- Everything that can hold an address, with how it is masked.
CREATE TEMP VIEW readable AS
SELECT c.oid::regclass AS relation,
       c.relkind,
       a.attnum,
       quote_ident(a.attname) AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       a.attgenerated <> '' AS generated,
       coalesce(d.how, CASE WHEN t.typcategory = 'S' OR e.typcategory = 'S'
                                 OR t.typname IN ('json', 'jsonb', 'xml', 'hstore', '_json', '_jsonb') THEN 'addresses' END) AS how
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
  LEFT JOIN contact d ON d.relation = c.relname AND d.name = a.attname AND n.nspname = 'public'
 WHERE c.relkind IN ('r', 'm')
   AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback');

DO $$
DECLARE
    -- What may stand before an address in JSON: escapes, whose letters belong to no address.
    address CONSTANT text := '((?:\\(?:u[0-9a-fA-F]{4}|.))*)[^\s"''<>(),:;\\@\[\]{}|=]+@[^\s"''<>(),:;\\@\[\]{}|=]+';
    one record;
    put_back text;
    written bigint;
BEGIN
    SET LOCAL row_security = off;
    FOR one IN
        -- %1$s: the column. %2$s: the hash of what it holds. %3$s: its type. %4$L: the address.
        WITH ways (how, becomes) AS (VALUES
            ('address',   $q$'user-' || left(%2$s, 24) || '@staging.invalid'$q$),
            ('message',   $q$'<' || %2$s || '@staging.invalid>'$q$),
            ('name',      $q$'Name ' || left(%2$s, 8)$q$),
            ('phone',     $q$'+00 ' || translate(left(%2$s, 12), 'abcdef', '012345')$q$),
            ('identity',  $q$left(%2$s, 21)$q$),
            ('link',      $q$'https://staging.invalid/' || left(%2$s, 12)$q$),
            ('password',  $q$'$2b$10$MASKED_HASH_INVALID_FOR_LOGIN'$q$),
            ('secret',    $q$'masked'$q$),
            ('host',      $q$'mail.staging.invalid'$q$),
            ('off',       'false'),
            -- As long as the text was: sizes stay true.
            ('filler',    $q$left(repeat('masked ', length(%1$s) / 7 + 1), length(%1$s))$q$),
            ('addresses', $q$regexp_replace(%1$s::text, %4$L, '\1somebody@staging.invalid', 'g')::%3$s$q$)
        )
        SELECT r.relation,
               count(*) AS columns,
               string_agg(format('%1$s = CASE WHEN %1$s IS NOT NULL THEN %2$s END', r.name,
                                 format(w.becomes, r.name, h.hash, r.type, address)), ', ' ORDER BY r.attnum) AS becoming,
               string_agg(format(CASE r.how WHEN 'addresses' THEN 'position(''@'' IN %s::text) > 0' ELSE '%s IS NOT NULL' END,
                                 r.name), ' OR ' ORDER BY r.attnum) AS wanted
          FROM readable r
          JOIN ways w USING (how)
         CROSS JOIN LATERAL (SELECT format('md5(%L || %s)', current_setting('rehearsal.salt'), r.name)) AS h (hash)
         WHERE r.relkind = 'r' AND NOT r.generated
         GROUP BY r.relation
         ORDER BY r.relation::text
    LOOP
        SELECT string_agg(format('ALTER TABLE %s ENABLE %s TRIGGER %I;', one.relation,
                                 CASE tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, tgname), ' ')
          INTO put_back
          FROM pg_trigger WHERE tgrelid = one.relation AND NOT tgisinternal AND tgenabled <> 'D';
        IF put_back IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', one.relation);
        END IF;
        EXECUTE format('UPDATE ONLY %s SET %s WHERE %s', one.relation, one.becoming, one.wanted);
        GET DIAGNOSTICS written = ROW_COUNT;
        INSERT INTO masked VALUES (one.relation, written, one.columns);
        -- Constraints that were to be looked at when the transaction ends would be in the way of ALTER TABLE.
        SET CONSTRAINTS ALL IMMEDIATE;
        EXECUTE coalesce(put_back, 'SELECT');
    END LOOP;
END
$$;

-- What production reaches other servers by must not be reached from staging.
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT umuser, usename, srvname FROM pg_user_mappings LOOP
        EXECUTE format('DROP USER MAPPING FOR %s SERVER %I',
                       CASE one.umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(one.usename) END, one.srvname);
    END LOOP;
    FOR one IN SELECT c.oid::regclass AS relation FROM pg_class c WHERE c.relkind = 'm' AND c.relispopulated ORDER BY c.oid LOOP
        EXECUTE format('REFRESH MATERIALIZED VIEW %s', one.relation);
    END LOOP;
END
$$;
