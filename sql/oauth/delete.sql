-- delete.sql: option 2 of the procedure for users without a password, before 012_rollback_oauth.sql.
--
-- REMOVES  THE USERS WITHOUT A PASSWORD AND ALL THAT HANGS ON THEM by ON DELETE CASCADE: subscriptions, twins, their
--          knowledge, conversations, messages, mail.
-- KEEPS IN THE ARCHIVE
--          rollback.archived_users, rollback.archived_knowledge_bases: each user and each knowledge base that is deleted,
--          by whatever way, as a whole (columns how and whole). Of all else that goes, only the backup has the rows.
-- REFUSES  having changed nothing, where a row forbids it (benchmark_results.evaluated_by of somebody else's result).
-- KEEPS    updated_at of every row that stays: where a foreign key is set NULL, the updated_at trigger is off meanwhile.
-- LOCKS    tables with an updated_at trigger SHARE ROW EXCLUSIVE, users and the knowledge bases ACCESS EXCLUSIVE, until
--          commit; the time grows with the rows deleted, and with whole tables where a foreign key has no index.
-- BY HAND  psql -1 -v ON_ERROR_STOP=1 -f delete.sql    (says so where nothing is to do)
DO $oauth$
DECLARE
    clock   record;
    clocks  text[] := '{}';
    item    text;
    kept    record;
    changed bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.users')
                   AND attname = 'password_hash' AND NOT attnotnull) THEN
        RAISE NOTICE 'OAuth users: nothing to do, users.password_hash is NOT NULL';
        RETURN;
    END IF;
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '10s', true);
    END IF;
    PERFORM set_config('row_security', 'off', true); -- rows hidden by a policy must raise, not be overlooked
    LOCK TABLE public.users IN SHARE ROW EXCLUSIVE MODE;
    SELECT count(*) INTO changed FROM public.users WHERE password_hash IS NULL;
    IF changed = 0 THEN
        RAISE NOTICE 'OAuth users: nothing to do, every user has a password';
        RETURN;
    END IF;
    SET CONSTRAINTS ALL IMMEDIATE; -- ALTER TABLE is refused while checks are outstanding
    FOR clock IN
        SELECT t.tgrelid::regclass AS tab, t.tgname,
               CASE t.tgenabled WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' ELSE '' END AS mode
        FROM pg_trigger AS t
        WHERE t.tgfoid = to_regproc('public.update_updated_at_column') AND t.tgenabled <> 'D' AND t.tgparentid = 0
        ORDER BY t.tgrelid
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', clock.tab, clock.tgname);
        clocks := clocks || format('ALTER TABLE %s ENABLE %s TRIGGER %I', clock.tab, clock.mode, clock.tgname);
    END LOOP;

    -- The archive. Which rows a cascade reaches shows when it does, so a trigger keeps them; it goes again at once.
    IF to_regnamespace('rollback') IS NULL THEN
        CREATE SCHEMA rollback;
    END IF;
    IF to_regclass('rollback.archived_users') IS NULL THEN
        CREATE TABLE rollback.archived_users (
            archived_at    timestamptz NOT NULL DEFAULT transaction_timestamp(),
            id             uuid NOT NULL,
            oauth_provider text,
            oauth_id       text,
            avatar_url     text
        );
    END IF;
    IF to_regclass('rollback.archived_knowledge_bases') IS NULL THEN
        CREATE TABLE rollback.archived_knowledge_bases (
            archived_at  timestamptz NOT NULL DEFAULT transaction_timestamp(),
            id           uuid NOT NULL,
            description  text,
            is_public    boolean,
            share_url    text,
            llm_provider text -- only of rows that were moved away from gemini
        );
    END IF;
    ALTER TABLE rollback.archived_users ADD COLUMN IF NOT EXISTS how text, ADD COLUMN IF NOT EXISTS whole jsonb;
    ALTER TABLE rollback.archived_knowledge_bases
        ADD COLUMN IF NOT EXISTS how text, ADD COLUMN IF NOT EXISTS whole jsonb;
    -- It writes as who runs this: a cascade runs as the owner of the table, who need not know the archive.
    CREATE FUNCTION rollback.keep_deleted() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $keep$
    DECLARE
        was CONSTANT jsonb := to_jsonb(OLD);
    BEGIN
        IF TG_ARGV[0] = 'users' THEN
            INSERT INTO rollback.archived_users (id, oauth_provider, oauth_id, avatar_url, how, whole)
            VALUES (OLD.id, was ->> 'oauth_provider', was ->> 'oauth_id', was ->> 'avatar_url', TG_ARGV[1], was);
        ELSE
            INSERT INTO rollback.archived_knowledge_bases
                (id, description, is_public, share_url, llm_provider, how, whole)
            VALUES (OLD.id, was ->> 'description', (was ->> 'is_public')::boolean, was ->> 'share_url',
                    was ->> 'llm_provider', TG_ARGV[1], was);
        END IF;
        RETURN NULL;
    END
    $keep$;
    FOR kept IN
        WITH RECURSIVE kin (what, rel) AS (
            SELECT v.what, to_regclass('public.' || v.tab)::oid
            FROM (VALUES ('users', 'users'), ('bases', 'knowledge_bases'), ('bases', 'digital_twins')) AS v (what, tab)
            UNION
            SELECT k.what, i.inhrelid FROM kin AS k JOIN pg_inherits AS i ON i.inhparent = k.rel
        )
        SELECT k.what, r.oid::regclass AS tab FROM kin AS k JOIN pg_class AS r ON r.oid = k.rel
        WHERE r.relkind IN ('r', 'p') AND NOT r.relispartition
        ORDER BY r.oid
    LOOP
        EXECUTE format('CREATE TRIGGER rollback_keep_deleted AFTER DELETE ON %s FOR EACH ROW EXECUTE FUNCTION '
                       'rollback.keep_deleted(%L, ''deleted with the users without a password'')', kept.tab, kept.what);
    END LOOP;

    DELETE FROM public.users WHERE password_hash IS NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;

    FOR kept IN
        SELECT tgrelid::regclass AS tab FROM pg_trigger
        WHERE tgfoid = 'rollback.keep_deleted()'::regprocedure AND tgparentid = 0 ORDER BY tgrelid
    LOOP
        EXECUTE format('DROP TRIGGER rollback_keep_deleted ON %s', kept.tab);
    END LOOP;
    DROP FUNCTION rollback.keep_deleted();
    FOREACH item IN ARRAY clocks LOOP
        EXECUTE item;
    END LOOP;
    RAISE NOTICE 'OAuth users: % deleted, with all that hung on them', changed;
END
$oauth$;
