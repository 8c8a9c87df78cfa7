-- The ways to mask a value, and what must be still while a table is written: temporary functions and the table way, for
-- mask.sql. Needs the settings rehearsal.salt and rehearsal.width.

-- A hash in letters and digits: more of it fits into few characters.
CREATE FUNCTION pg_temp.short(hash text) RETURNS text LANGUAGE sql AS $$
    SELECT translate(lower(encode(decode(hash, 'hex'), 'base64')), '+/=', 'xy')
$$;

-- An address of a domain that nobody can have (RFC 2606); hash is the md5 of what it stands for. The forms: of staging.invalid;
-- with a short top-level domain, letters and digits alone; either of them with a domain for each domain.
CREATE FUNCTION pg_temp.address(said text, hash text, form int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    width CONSTANT int := current_setting('rehearsal.width');
    short CONSTANT text := pg_temp.short(hash);
    domain CONSTANT text := CASE WHEN form % 2 = 1 THEN 'staging.invalid' ELSE 'masked.example.com' END;
    room CONSTANT int := width - 2 - length(domain) - CASE WHEN form > 2 THEN 2 ELSE 0 END;
    kin CONSTANT int := CASE WHEN form > 2 THEN least(8, room / 2) ELSE 0 END;
BEGIN
    IF form = 1 AND width >= 45 THEN
        RETURN 'user-' || left(hash, 24) || '@staging.invalid';
    END IF;
    RETURN 'u' || left(short, room - kin) || '@' || CASE WHEN kin = 0 THEN '' ELSE 'd'
           || left(pg_temp.short(md5(current_setting('rehearsal.salt') || lower(split_part(said, '@', 2)))), kin) || '.' END || domain;
END
$$;

-- A text with each address in it masked. Before an address in JSON may stand escapes, whose letters belong to none. What gets
-- too long for its column becomes an address as a whole.
CREATE FUNCTION pg_temp.words(said text, form int, room int, folded bool) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    salt CONSTANT text := current_setting('rehearsal.salt');
    sign CONSTANT text := '[^\s"''<>(),:;\\@\[\]{}|=';
    address CONSTANT text := '((?:\\(?:u[0-9a-fA-F]{4}|.))*)(' || sign || ']+@' || sign || ']*' || sign || '.])';
    one text;
    result text := said;
BEGIN
    -- The longest first: a short one may be part of it.
    FOR one IN SELECT m[2] FROM regexp_matches(said, address, 'g') AS m GROUP BY 1 ORDER BY length(m[2]) DESC LOOP
        result := replace(result, one, pg_temp.address(one, md5(salt || CASE WHEN folded THEN lower(one) ELSE one END), form));
    END LOOP;
    RETURN CASE WHEN char_length(result) > room THEN pg_temp.address('', md5(salt || said), form) ELSE result END;
END
$$;

-- A number of a phone: of a country that there is none of, or, where that does not fit, in the shape of the old one: two digits
-- stay, two become 0, and the rest is new.
CREATE FUNCTION pg_temp.phone(said text, hash text, form int, room int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    digits CONSTANT text := translate(hash, 'abcdef', '012345');
    place int := 0;
    result text := '';
BEGIN
    IF form = 1 AND room >= 16 THEN
        RETURN '+00 ' || left(digits, 12);
    END IF;
    FOR i IN 1 .. length(said) LOOP
        IF substr(said, i, 1) !~ '[0-9]' THEN
            result := result || substr(said, i, 1);
        ELSE
            place := place + 1;
            result := result || CASE WHEN place <= 2 THEN substr(said, i, 1) WHEN place <= 4 THEN '0'
                                     ELSE substr(digits, 1 + place % 32, 1) END;
        END IF;
    END LOOP;
    RETURN result;
END
$$;

-- A column that is only called like a phone: a number as above; in other words, each number in them.
CREATE FUNCTION pg_temp.calls(said text, hash text, form int, room int, folded bool) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN position('@' IN said) > 0 THEN pg_temp.words(said, form, room, folded)
                WHEN said ~ '^[+(]*[0-9][-0-9 ()/.]{4,}$' THEN pg_temp.phone(said, hash, form, room)
                ELSE left(regexp_replace(said, '[+(]*[0-9][-0-9 ()/.]{5,}[0-9]', '+00 000000', 'g'), room) END
$$;

-- How each kind of value is masked, in the order of its forms (0: there is but one).
-- A text is taken in the database's own collation: one that is not deterministic cannot be searched.
-- %1$s: the column. %2$s: the hash of what it holds. %3$s: its type. %4$s: its room. %5$s: the form. %6$s: whether A is a.
CREATE TEMP TABLE way ON COMMIT DROP AS
SELECT * FROM (VALUES
    ('address',   'address',  1, $q$pg_temp.address(%1$s::text COLLATE "default", %2$s, 1)$q$),
    ('address',   'address',  2, $q$pg_temp.address(%1$s::text COLLATE "default", %2$s, 2)$q$),
    ('address',   'address',  3, $q$pg_temp.address(%1$s::text COLLATE "default", %2$s, 3)$q$),
    ('address',   'address',  4, $q$pg_temp.address(%1$s::text COLLATE "default", %2$s, 4)$q$),
    ('addresses', 'address',  1, $q$pg_temp.words(%1$s::text COLLATE "default", 1, %4$s, %6$L)::%3$s$q$),
    ('addresses', 'address',  2, $q$pg_temp.words(%1$s::text COLLATE "default", 2, %4$s, %6$L)::%3$s$q$),
    ('addresses', 'address',  3, $q$pg_temp.words(%1$s::text COLLATE "default", 3, %4$s, %6$L)::%3$s$q$),
    ('addresses', 'address',  4, $q$pg_temp.words(%1$s::text COLLATE "default", 4, %4$s, %6$L)::%3$s$q$),
    ('phone',     'phone',    1, $q$pg_temp.phone(%1$s::text COLLATE "default", %2$s, 1, %4$s)$q$),
    ('phone',     'phone',    2, $q$pg_temp.phone(%1$s::text COLLATE "default", %2$s, 2, %4$s)$q$),
    ('calls',     'phone',    1, $q$pg_temp.calls(%1$s::text COLLATE "default", %2$s, 1, %4$s, %6$L)$q$),
    ('calls',     'phone',    2, $q$pg_temp.calls(%1$s::text COLLATE "default", %2$s, 2, %4$s, %6$L)$q$),
    ('digits',    'digits',   0, $q$CASE WHEN abs(%1$s) < 1000000 THEN %1$s
                                    ELSE left('100' || translate(%2$s, 'abcdef', '012345'), length(trunc(abs(%1$s))::text))::%3$s END$q$),
    ('name',      'name',     1, $q$left('Name ' || left(%2$s, 12), %4$s)$q$),
    ('name',      'name',     2, $q$left('Name ' || translate(left(%2$s, 12), '0123456789', 'ghijklmnop'), %4$s)$q$),
    ('message',   'message',  0, $q$'<' || %2$s || '@staging.invalid>'$q$),
    ('identity',  'identity', 0, $q$left(%2$s, least(21, %4$s))$q$),
    ('link',      'link',     0, $q$left('https://staging.invalid/' || left(%2$s, 12), %4$s)$q$),
    -- Nobody knows what these are a hash of: at most one of them is well formed, and it is made of chance.
    ('password',  'password', 1, $q$'$2b$10$MASKED_HASH_INVALID_FOR_LOGIN'$q$),
    ('password',  'password', 2, $q$'$2b$10$MASKED.HASH.INVALID.F' || left(%2$s, 32)$q$),
    ('secret',    'secret',   1, $q$'masked'$q$),
    ('secret',    'secret',   2, $q$left('masked-' || %2$s, %4$s)$q$),
    ('host',      'host',     0, $q$'mail.staging.invalid'$q$),
    ('off',       'off',      0, 'false'),
    -- As long as the text was: sizes stay true.
    ('filler',    'filler',   0, $q$left(repeat('masked ', length(%1$s) / 7 + 1), length(%1$s))$q$)
) AS ways (how, kind, form, becomes);

-- What would act or hide rows while a table is written, with all of its partitions: the statement that stills it, and the one
-- that puts it back as it was; those of the whole come before those of its parts.
CREATE FUNCTION pg_temp.noise(target regclass) RETURNS TABLE (off text, on_again text, level int) LANGUAGE sql AS $$
    WITH tree AS (
        SELECT target AS relation, 0 AS level
         UNION
        SELECT t.relid, t.level FROM pg_partition_tree(target) t JOIN pg_class c ON c.oid = t.relid AND c.relkind IN ('r', 'p')
    )
    SELECT DISTINCT ON (t.relation, g.tgname)
           format('ALTER TABLE %s DISABLE TRIGGER %I;', t.relation, g.tgname),
           format('ALTER TABLE %s ENABLE %s TRIGGER %I;', t.relation,
                  CASE g.tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, g.tgname), t.level
      FROM tree t JOIN pg_trigger g ON g.tgrelid = t.relation WHERE NOT g.tgisinternal AND g.tgenabled <> 'D'
     UNION ALL
    SELECT format('ALTER TABLE %s DISABLE RULE %I;', t.relation, r.rulename),
           format('ALTER TABLE %s ENABLE %s RULE %I;', t.relation,
                  CASE r.ev_enabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, r.rulename), t.level
      FROM tree t JOIN pg_rewrite r ON r.ev_class = t.relation WHERE r.ev_enabled <> 'D'
     UNION ALL
    SELECT format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY;', t.relation),
           format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', t.relation), t.level
      FROM tree t JOIN pg_class c ON c.oid = t.relation WHERE c.relforcerowsecurity
$$;
