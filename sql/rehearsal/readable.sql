-- Lists everything in a clone that can hold an address, with how it is masked: the temporary table readable. Needs the
-- temporary table contact (contacts.csv). In the transaction of mask.sql; reads only.
--
-- A partition and a table that inherits are masked as the table that is declared; a column of a foreign key as the one it
-- refers to. A column that is called like a phone is masked where it looks like one.
CREATE TEMP TABLE readable ON COMMIT DROP AS
WITH RECURSIVE kin (relation, ancestor) AS (
    SELECT oid, oid FROM pg_class WHERE relkind IN ('r', 'p', 'm')
     UNION
    SELECT k.relation, i.inhparent FROM kin k JOIN pg_inherits i ON i.inhrelid = k.ancestor
), base (type, base, typmod) AS (
    SELECT oid, oid, -1 FROM pg_type
     UNION ALL
    SELECT b.type, t.typbasetype, CASE b.typmod WHEN -1 THEN t.typtypmod ELSE b.typmod END
      FROM base b JOIN pg_type t ON t.oid = b.base AND t.typtype = 'd'
), keyed AS (
    -- Trees whose partitions are told apart by something that may be masked: a row may have to move.
    SELECT p.partrelid AS relation FROM pg_partitioned_table p
      LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs::int2[])
      LEFT JOIN pg_type t ON t.oid = a.atttypid
     WHERE t.typcategory = 'S' OR 0 = ANY (p.partattrs::int2[])
), declared AS (
    SELECT k.relation, d.name, min(d.how) AS how
      FROM kin k
      JOIN pg_class c ON c.oid = k.ancestor
      JOIN contact d ON d.relation = CASE c.relnamespace WHEN 'public'::regnamespace THEN '' ELSE c.relnamespace::regnamespace || '.' END || c.relname
     GROUP BY k.relation, d.name
)
SELECT c.oid::regclass AS relation,
       -- What is written to: the partition itself, or the whole tree where a row may have to move.
       CASE WHEN c.relispartition AND EXISTS (SELECT FROM kin k JOIN keyed y ON y.relation = k.ancestor WHERE k.relation = c.oid)
            THEN pg_partition_root(c.oid) ELSE c.oid END::regclass AS target,
       c.relkind AS kind,
       a.attnum,
       quote_ident(a.attname) AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       CASE t.typtype WHEN 'd' THEN t.typname::text END AS domain,
       a.attgenerated <> '' AS generated,
       -- How many characters it takes; NULL: any number.
       CASE WHEN b.base IN ('varchar'::regtype, 'bpchar'::regtype)
            THEN nullif(CASE a.atttypmod WHEN -1 THEN b.typmod ELSE a.atttypmod END, -1) - 4 END AS room,
       -- The same of each text in a list of them.
       CASE WHEN e.oid IN ('varchar'::regtype, 'bpchar'::regtype) THEN nullif(a.atttypmod, -1) - 4 END AS each_room,
       -- Whether A and a are the same in it.
       u.typname = 'citext' OR coalesce(NOT l.collisdeterministic, false) AS folded,
       coalesce(d.how,
                CASE WHEN a.attname ~* '(phone|mobile|telefon|fax)' AND t.typcategory = 'S' THEN 'calls'
                     WHEN a.attname ~* '(phone|mobile|telefon|fax)' AND u.typname IN ('int4', 'int8', 'numeric') THEN 'digits'
                     WHEN t.typcategory IN ('S', 'C') OR e.typcategory IN ('S', 'C')
                          OR u.typname IN ('json', 'jsonb', 'xml', 'hstore', 'tsvector')
                          OR t.typname IN ('_json', '_jsonb', '_xml', '_hstore', '_tsvector') THEN 'addresses' END) AS how
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  JOIN base b ON b.type = t.oid
  JOIN pg_type u ON u.oid = b.base AND u.typtype <> 'd'
  LEFT JOIN pg_type e ON e.oid = u.typelem AND u.typcategory = 'A'
  LEFT JOIN pg_collation l ON l.oid = a.attcollation
  LEFT JOIN declared d ON d.relation = c.oid AND d.name = a.attname
 WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollback');

-- How many characters a masked address may have: as many as the shortest column takes that holds one, since the same
-- address becomes the same everywhere.
DO $$
DECLARE
    least_room CONSTANT int := 25;
    width int := 45;
    one record;
    found bool;
    wrong text;
BEGIN
    -- What refers to a declared column, or is referred to by one, is masked in the same way; so is a partition.
    FOR i IN 1 .. 20 LOOP
        UPDATE readable r SET how = o.how
          FROM readable o
         WHERE o.how NOT IN ('addresses', 'calls') AND r.how IN ('addresses', 'calls')
           AND (EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = o.relation AND i.inhrelid = r.relation AND o.name = r.name)
                OR EXISTS (SELECT FROM pg_constraint f, unnest(f.conkey, f.confkey) AS pair (here, there)
                            WHERE f.contype = 'f'
                              AND ((r.relation, r.attnum, o.relation, o.attnum) = (f.conrelid, here, f.confrelid, there)
                                   OR (o.relation, o.attnum, r.relation, r.attnum) = (f.conrelid, here, f.confrelid, there))));
        EXIT WHEN NOT FOUND;
    END LOOP;
    SELECT string_agg(DISTINCT r.target::text, ', ') INTO wrong
      FROM readable r
     WHERE r.target <> r.relation
       AND EXISTS (SELECT FROM pg_partition_tree(r.target) t JOIN pg_class c ON c.oid = t.relid WHERE c.relkind = 'f');
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'masked rows of % would move to another server: one of its partitions is a foreign table', wrong
            USING HINT = 'Clone from a dump without the foreign partition (ROLLBACK_REHEARSAL_DUMP).';
    END IF;
    FOR one IN
        SELECT relation, name, how, coalesce(room, each_room) AS room FROM readable
         WHERE kind = 'r' AND NOT generated AND how IN ('address', 'addresses') AND coalesce(room, each_room) < width
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s WHERE %s)', one.relation,
                       format(CASE one.how WHEN 'address' THEN '%s IS NOT NULL' ELSE 'position(''@'' IN (%s::text COLLATE "default")) > 0' END, one.name))
           INTO found;
        IF found AND one.room < least_room THEN
            RAISE EXCEPTION 'no masked address fits into %.%: it takes % characters, and % are needed',
                  one.relation, one.name, one.room, least_room
                USING HINT = 'Say in contacts.csv how this column is masked: secret or identity are shorter.';
        END IF;
        width := CASE WHEN found THEN least(width, one.room) ELSE width END;
    END LOOP;
    PERFORM set_config('rehearsal.width', width::text, true);
END
$$;
