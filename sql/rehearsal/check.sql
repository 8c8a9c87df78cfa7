-- Looks through a masked clone for an e-mail address that mask.sql left: every column of every table and materialized
-- view that holds text, JSON or a list of texts. Raises an exception that names the columns. Runs after mask.sql, in
-- the same transaction; reads only.
DO $$
DECLARE
    one record;
    named text;
    wrong text[] := '{}';
BEGIN
    FOR one IN
        SELECT relation,
               string_agg(format($q$
                   CASE WHEN bool_or(CASE WHEN position('@' IN (%1$s::text COLLATE "default")) > 0 THEN
                        regexp_replace(%1$s::text COLLATE "default", '[^\s@]*@(d[0-9a-z]{1,8}\.)?(staging\.invalid|masked\.example\.com)', '', 'g') ~ '[[:alnum:]]@[[:alnum:]]' END)
                   THEN %2$L END$q$, name, format('%s.%s', relation, name)), ', ') AS questions
          FROM readable
         WHERE how IS NOT NULL AND how NOT IN ('off', 'digits') AND kind <> 'p'
         GROUP BY relation
    LOOP
        EXECUTE format($q$SELECT nullif(concat_ws(', ', %s), '') FROM ONLY %s$q$,
                       one.questions, one.relation) INTO named;
        wrong := wrong || named;
    END LOOP;
    wrong := array_remove(wrong, NULL);
    IF wrong <> '{}' THEN
        RAISE EXCEPTION 'e-mail addresses are left in %', array_to_string(wrong, ', ');
    END IF;
END
$$;
