-- Switches the event triggers of a clone off, for what mask.sql does is not for them, and lets its publications publish no
-- updates: a table without a key that is published takes none. forget.sql puts them back, in the same transaction, by what is
-- kept in the setting rehearsal.loud.
DO $$
DECLARE
    one record;
    loud text := '';
BEGIN
    FOR one IN SELECT evtname AS name, evtenabled AS enabled FROM pg_event_trigger WHERE evtenabled <> 'D' LOOP
        loud := loud || format('ALTER EVENT TRIGGER %I ENABLE %s;', one.name,
                               CASE one.enabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END);
        EXECUTE format('ALTER EVENT TRIGGER %I DISABLE', one.name);
    END LOOP;
    FOR one IN
        SELECT pubname AS name, concat_ws(', ', CASE WHEN pubinsert THEN 'insert' END, 'update', CASE WHEN pubdelete THEN 'delete' END,
                                          CASE WHEN pubtruncate THEN 'truncate' END) AS published
          FROM pg_publication WHERE pubupdate
    LOOP
        loud := loud || format('ALTER PUBLICATION %I SET (publish = %L);', one.name, one.published);
        EXECUTE format('ALTER PUBLICATION %I SET (publish = %L)', one.name, 'insert');
    END LOOP;
    PERFORM set_config('rehearsal.loud', loud, true);
END
$$;
