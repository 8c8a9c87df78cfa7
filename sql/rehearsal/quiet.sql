-- Switches the event triggers of a clone off, for what mask.sql does is not for them; forget.sql puts them back, in the
-- same transaction, by what is kept in the setting rehearsal.loud.
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
    PERFORM set_config('rehearsal.loud', loud, true);
END
$$;
