-- Masks the contact data of a clone: one UPDATE a table, all in the caller's transaction. Never run it on production.
-- Needs readable.sql (which columns, and how each is masked), ways.sql (the functions), and the setting rehearsal.salt, which
-- nobody keeps.
--
-- DECLARED  a column of contacts.csv gets a value made of a hash of what it held: equal stays equal, in every table;
--           unique stays unique, NULL stays NULL, and nobody can find the old value by trying.
-- THE REST  every other column that holds text, JSON or a list of texts: each e-mail address in it becomes one of
--           staging.invalid, the same for the same address; rows without one are not written.
-- FORMS     a kind of value has several forms. Where a constraint refuses one, all of that kind get the next one, from
--           the first table on; where none is left, an exception names the column and the constraint.
-- TRIGGERS  and rules are off while a table is written, and row level security is not forced: updated_at stays, nothing is
--           sent or logged. Each is put back as it was.
-- KEYS      foreign keys between columns that are masked are dropped and made again, which proves that they still hold.
-- EVENTS    event triggers are off, too, and publications publish no updates: quiet.sql, before; forget.sql puts them back.
-- LEFT OUT  schema rollback, which is dropped next, and foreign tables: their rows are on another server.
-- LOCKS     ACCESS EXCLUSIVE on each table; nobody else is connected.
CREATE TEMP TABLE masked (relation regclass, rows bigint, columns bigint) ON COMMIT DROP;
CREATE TEMP TABLE form ON COMMIT DROP AS SELECT kind, 1 AS now, max(form) AS last FROM pg_temp.way GROUP BY kind;

-- What production reaches other servers by must not be reached from staging.
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT umuser, usename, srvname FROM pg_user_mappings LOOP
        EXECUTE format('DROP USER MAPPING FOR %s SERVER %I',
                       CASE one.umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(one.usename) END, one.srvname);
    END LOOP;
END
$$;

-- Writes every table once, with the forms that are due now.
CREATE FUNCTION pg_temp.mask() RETURNS void LANGUAGE plpgsql AS $mask$
DECLARE
    one record;
    key record;
    loud text;
    quiet text;
    written bigint;
BEGIN
    CREATE TEMP TABLE foreign_key ON COMMIT DROP AS
    SELECT DISTINCT f.conrelid::regclass AS relation, f.conname, pg_get_constraintdef(f.oid) AS definition,
                    obj_description(f.oid, 'pg_constraint') AS comment
      FROM pg_constraint f
      JOIN pg_temp.readable r ON r.how IS NOT NULL AND ((r.relation = f.conrelid AND r.attnum = ANY (f.conkey))
                                                        OR (r.relation = f.confrelid AND r.attnum = ANY (f.confkey)))
     WHERE f.contype = 'f' AND f.conparentid = 0;
    FOR key IN SELECT * FROM pg_temp.foreign_key LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', key.relation, key.conname);
    END LOOP;
    FOR one IN
        SELECT r.target, r.target <> r.relation AS moving, count(DISTINCT r.name) AS columns,
               string_agg(DISTINCT format('%1$s = CASE WHEN %1$s IS NOT NULL THEN %2$s END', r.name, r.becomes), ', ') AS becoming,
               string_agg(DISTINCT format(CASE r.how WHEN 'addresses' THEN 'position(''@'' IN (%s::text COLLATE "default")) > 0'
                                                     ELSE '%s IS NOT NULL' END, r.name), ' OR ') AS wanted
          FROM (SELECT r.*, format(w.becomes, r.name, h.hash, r.type, coalesce(r.room, 1000000000), f.now, r.folded) AS becomes
                  FROM pg_temp.readable r
                  JOIN pg_temp.way w USING (how)
                  JOIN pg_temp.form f ON f.kind = w.kind AND w.form IN (0, f.now)
                 CROSS JOIN LATERAL (SELECT format(CASE WHEN r.folded THEN 'md5(%L || lower(%s::text COLLATE "default"))' ELSE 'md5(%L || %s::text)' END,
                                                   current_setting('rehearsal.salt'), r.name)) AS h (hash)
                 WHERE r.kind = 'r' AND NOT r.generated) AS r
         GROUP BY r.target, r.target <> r.relation
         ORDER BY r.target::text
    LOOP
        SELECT string_agg(off, ' '), string_agg(on_again, ' ' ORDER BY level, on_again) INTO quiet, loud
          FROM pg_temp.noise(one.target);
        EXECUTE coalesce(quiet, 'SELECT');
        EXECUTE format('UPDATE %s %s SET %s WHERE %s', CASE WHEN one.moving THEN '' ELSE 'ONLY' END, one.target, one.becoming, one.wanted);
        GET DIAGNOSTICS written = ROW_COUNT;
        INSERT INTO masked VALUES (one.target, written, one.columns);
        -- Constraints that were to be looked at when the transaction ends would be in the way of ALTER TABLE.
        SET CONSTRAINTS ALL IMMEDIATE;
        EXECUTE coalesce(loud, 'SELECT');
    END LOOP;
    FOR key IN SELECT * FROM pg_temp.foreign_key LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', key.relation, key.conname, key.definition);
        EXECUTE format('COMMENT ON CONSTRAINT %I ON %s IS %L', key.conname, key.relation, key.comment);
    END LOOP;
    DROP TABLE pg_temp.foreign_key;
END
$mask$;

-- Takes the next form of each kind that a constraint refused; returns the columns where there is no other form left.
CREATE FUNCTION pg_temp.reform(relation_name text, in_schema text, constraint_name text, domain_name text) RETURNS text
LANGUAGE plpgsql AS $reform$
DECLARE
    place regclass := CASE WHEN relation_name IS NOT NULL THEN to_regclass(format('%I.%I', in_schema, relation_name)) END;
    kinds text[];
    columns text;
BEGIN
    -- The columns of the constraint, the index or the domain; where they cannot be told (an expression), all of the table.
    WITH touched AS (
        SELECT unnest(conkey) AS attnum FROM pg_constraint WHERE conrelid = place AND conname = constraint_name
        UNION SELECT unnest(i.indkey::int2[]) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
               WHERE i.indrelid = place AND x.relname = constraint_name
    ), guilty AS (
        SELECT r.relation, r.name, w.kind
          FROM pg_temp.readable r JOIN pg_temp.way w USING (how)
         WHERE (r.relation = place AND (r.attnum IN (SELECT attnum FROM touched)
                                        OR NOT EXISTS (SELECT FROM touched WHERE attnum <> 0) OR 0 IN (SELECT attnum FROM touched)))
            OR r.domain = domain_name
    )
    SELECT array_agg(DISTINCT kind), string_agg(DISTINCT format('%s.%s', relation, name), ', ') INTO kinds, columns FROM guilty;
    UPDATE pg_temp.form SET now = now + 1 WHERE kind = ANY (kinds) AND now < last;
    RETURN CASE WHEN FOUND THEN NULL ELSE coalesce(columns, relation_name, domain_name, 'a table') END;
END
$reform$;

DO $$
DECLARE
    said text; place text; scheme text; refused text; domain text; stuck text;
BEGIN
    SET LOCAL row_security = off;
    LOOP
        BEGIN
            PERFORM pg_temp.mask();
            EXIT;
        EXCEPTION WHEN integrity_constraint_violation OR string_data_right_truncation THEN
            GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, place = TABLE_NAME, scheme = SCHEMA_NAME,
                                    refused = CONSTRAINT_NAME, domain = PG_DATATYPE_NAME;
        END;
        stuck := pg_temp.reform(nullif(place, ''), scheme, refused, nullif(domain, ''));
        IF stuck IS NOT NULL THEN
            RAISE EXCEPTION 'no masked value fits %: %', stuck, said
                USING HINT = 'Say in contacts.csv how this column is masked, or let its constraint take user-…@staging.invalid.';
        END IF;
    END LOOP;
END
$$;

-- What is derived from masked rows, and what cannot be looked through: large objects keep their size and lose what they hold.
DO $$
DECLARE
    one record;
    size bigint;
BEGIN
    FOR one IN SELECT c.oid::regclass AS relation FROM pg_class c WHERE c.relkind = 'm' AND c.relispopulated ORDER BY c.oid LOOP
        BEGIN
            EXECUTE format('REFRESH MATERIALIZED VIEW %s', one.relation);
        EXCEPTION WHEN fdw_error OR undefined_object OR sqlclient_unable_to_establish_sqlconnection THEN
            -- It is made of another server's rows, which is out of reach now.
            EXECUTE format('REFRESH MATERIALIZED VIEW %s WITH NO DATA', one.relation);
        END;
    END LOOP;
    FOR one IN SELECT oid FROM pg_largeobject_metadata LOOP
        size := lo_lseek64(lo_open(one.oid, x'60000'::int), 0, 2);
        PERFORM lo_put(one.oid, at, convert_to(repeat(' ', least(1048576, size - at)::int), 'SQL_ASCII'))
           FROM generate_series(0, size - 1, 1048576) AS at;
    END LOOP;
END
$$;
