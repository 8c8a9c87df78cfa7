-- 010_rollback_knowledge_base.sql: take migration 010 (digital twins became knowledge bases) back.
--
-- UNDOES
--   knowledge_bases is called digital_twins again, kb_id twin_id in nine tables; indexes, constraints, the
--   trigger and the output columns of llm_user_costs have their names; the nine dropped columns are there again,
--   of their exact types. Where an earlier, faulty rollback left them otherwise (profession nullable,
--   communication_style varchar(100), capabilities text[], threshold 0.70), they are mended.
--   profession was NOT NULL and its values are lost: every row without one gets the placeholder declared below.
-- REMOVES
--   description, is_public, share_url and what stands on them (unique constraint, idx_knowledge_bases_share_url, _is_public).
--   With rollback.gemini = remove also the label gemini of llm_provider (migration 013); its rows get the default.
-- KEEPS IN THE ARCHIVE
--   rollback.archived_knowledge_bases: the three columns of every row, and llm_provider of the rows moved from gemini.
-- REFUSES, having changed nothing
--   if both tables exist, or both columns in one table; while something the team added stands on a column that
--   goes, or (gemini = remove) on the type llm_provider.
-- LOCKS
--   LOCK TABLE digital_twins/knowledge_bases and the nine tables with twin_id  ACCESS EXCLUSIVE until commit.
--     RENAME, ADD COLUMN, DROP COLUMN, DEFAULT  catalogue only, milliseconds whatever the size.
--     INSERT archive          reads the knowledge bases once.
--     UPDATE profession       only rows left NULL by an earlier rollback; its updated_at trigger is off meanwhile.
--     ALTER COLUMN TYPE       rewrites digital_twins (a row a user): capabilities of another type, gemini = remove.
--     CREATE INDEX            only where one of the baseline is missing altogether.
--   Waits for a lock at most 10 s, unless lock_timeout is set already.
-- OPTIONS
--   rollback.gemini = keep (default) | remove.
-- BY HAND
--   psql -1 -v ON_ERROR_STOP=1 -f 010_rollback_knowledge_base.sql
--   PGOPTIONS='-c rollback.gemini=remove' psql -1 -v ON_ERROR_STOP=1 -f 010_rollback_knowledge_base.sql
--   The file is one statement, so that it is all or nothing under a plain psql -f too. It may be run again:
--   what is already so is said and left.
DO $rollback$
DECLARE
    placeholder CONSTANT text := 'Not recorded'; -- of digital_twins.profession
    gemini      text := coalesce(nullif(current_setting('rollback.gemini', true), ''), 'keep');
    holders     CONSTANT text[] := ARRAY['knowledge_base', 'conversations', 'analytics_events', 'benchmark_datasets',
        'benchmark_runs', 'benchmark_ab_tests', 'web_sources', 'llm_usage', 'document_processing_jobs'];
    new_columns CONSTANT text[] := ARRAY['description', 'is_public', 'share_url'];
    item        text;
    target      record;
    has_kb      boolean;
    has_twin    boolean;
    has_new     boolean;
    has_gemini  boolean;
    in_the_way  text;
    moved       bigint;
    mode        "char";
BEGIN
    IF gemini NOT IN ('keep', 'remove') THEN
        RAISE EXCEPTION '010: rollback.gemini is %: it must be keep or remove', quote_literal(gemini)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '10s', true);
    END IF;
    PERFORM set_config('row_security', 'off', true);

    -- 1. The table.
    SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.knowledge_bases') AND relkind IN ('r', 'p')),
           EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.digital_twins') AND relkind IN ('r', 'p'))
    INTO has_kb, has_twin;
    IF has_kb AND to_regclass('public.digital_twins') IS NOT NULL THEN
        RAISE EXCEPTION '010: both public.knowledge_bases and public.digital_twins exist'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Find out which of them holds the data; rename or drop the other, then run this script again.';
    ELSIF NOT has_kb AND NOT has_twin THEN
        RAISE EXCEPTION '010: neither public.knowledge_bases nor public.digital_twins is a table here; '
            'this is not a DigitalTwin database'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    ELSIF has_kb THEN
        LOCK TABLE public.knowledge_bases IN ACCESS EXCLUSIVE MODE;
        ALTER TABLE public.knowledge_bases RENAME TO digital_twins;
        RAISE NOTICE '010: renamed table knowledge_bases to digital_twins';
    ELSE
        LOCK TABLE public.digital_twins IN ACCESS EXCLUSIVE MODE;
        RAISE NOTICE '010: already so: table digital_twins';
    END IF;

    -- 2. The nine columns that point to it. benchmark_questions.source_kb_id is an entry's id and not among them.
    FOREACH item IN ARRAY holders LOOP
        EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', item);
        SELECT coalesce(bool_or(attname = 'kb_id'), false), coalesce(bool_or(attname = 'twin_id'), false)
        INTO has_kb, has_twin
        FROM pg_attribute WHERE attrelid = to_regclass('public.' || item) AND NOT attisdropped;
        IF has_kb AND has_twin THEN
            RAISE EXCEPTION '010: % has both kb_id and twin_id', item
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'Find out which of them holds the data; rename or drop the other, then run this script again.';
        ELSIF has_kb THEN
            EXECUTE format('ALTER TABLE public.%I RENAME COLUMN kb_id TO twin_id', item);
            RAISE NOTICE '010: renamed column %.kb_id to twin_id', item;
        ELSIF has_twin THEN
            RAISE NOTICE '010: already so: column %.twin_id', item;
        ELSE
            RAISE EXCEPTION '010: % has neither kb_id nor twin_id', item
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
    END LOOP;

    -- 3. What the team put on a column that goes is named, never dropped along.
    SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), ', ') INTO in_the_way
    FROM pg_depend AS d
    JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    LEFT JOIN pg_class AS i ON d.classid = 'pg_class'::regclass AND i.oid = d.objid
    LEFT JOIN pg_constraint AS c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
    LEFT JOIN pg_attrdef AS e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
    WHERE d.refclassid = 'pg_class'::regclass
      AND d.refobjid = 'public.digital_twins'::regclass
      AND a.attname = ANY (new_columns)
      AND NOT coalesce(i.relkind = 'i' AND i.relname IN ('idx_knowledge_bases_share_url', 'idx_knowledge_bases_is_public'), false)
      AND NOT coalesce(c.contype = 'n' OR (c.contype = 'u' AND c.conkey = ARRAY[a.attnum]), false)
      AND NOT coalesce(e.adnum = a.attnum, false);
    IF in_the_way IS NOT NULL THEN
        RAISE EXCEPTION '010: in the way of dropping description, is_public, share_url: %', in_the_way
            USING ERRCODE = 'dependent_objects_still_exist',
                  HINT = 'Drop or change these first; this script drops nothing that it does not know.';
    END IF;

    -- 4. Archive, then drop.
    SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.digital_twins'::regclass AND NOT attisdropped
                   AND attname = ANY (new_columns)),
           EXISTS (SELECT FROM pg_enum WHERE enumtypid = to_regtype('public.llm_provider') AND enumlabel = 'gemini')
    INTO has_new, has_gemini;
    SELECT count(*) INTO moved FROM public.digital_twins WHERE llm_provider::text = 'gemini';
    IF has_new OR (moved > 0 AND gemini = 'remove') THEN
        IF to_regnamespace('rollback') IS NULL THEN
            CREATE SCHEMA rollback;
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
        -- As jsonb, since an earlier try may have dropped some of the three already.
        INSERT INTO rollback.archived_knowledge_bases (id, description, is_public, share_url, llm_provider)
        SELECT kept.id, kept.was ->> 'description', (kept.was ->> 'is_public')::boolean, kept.was ->> 'share_url',
               CASE WHEN gemini = 'remove' AND kept.was ->> 'llm_provider' = 'gemini' THEN 'gemini' END
        FROM (SELECT t.id, to_jsonb(t) AS was FROM public.digital_twins AS t) AS kept
        WHERE has_new OR kept.was ->> 'llm_provider' = 'gemini';
        GET DIAGNOSTICS moved = ROW_COUNT;
        RAISE NOTICE '010: kept % row(s) in rollback.archived_knowledge_bases', moved;
    END IF;
    FOR item IN
        SELECT i.relname FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
        WHERE x.indrelid = 'public.digital_twins'::regclass
          AND i.relname IN ('idx_knowledge_bases_share_url', 'idx_knowledge_bases_is_public')
          AND EXISTS (SELECT FROM pg_depend AS d
                      JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = i.oid AND d.refobjid = x.indrelid
                        AND a.attname = ANY (new_columns))
        ORDER BY i.relname
    LOOP
        EXECUTE format('DROP INDEX public.%I', item);
        RAISE NOTICE '010: dropped index %', item;
    END LOOP;
    FOREACH item IN ARRAY new_columns LOOP
        IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.digital_twins'::regclass AND NOT attisdropped
                   AND attname = item) THEN
            EXECUTE format('ALTER TABLE public.digital_twins DROP COLUMN %I', item);
            RAISE NOTICE '010: dropped column digital_twins.%', item;
        ELSE
            RAISE NOTICE '010: already so: no column digital_twins.%', item;
        END IF;
    END LOOP;

    -- 5. Names that stand in other objects.
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'public.digital_twins'::regclass
               AND tgname = 'update_knowledge_bases_updated_at') THEN
        ALTER TRIGGER update_knowledge_bases_updated_at ON public.digital_twins
            RENAME TO update_digital_twins_updated_at;
        RAISE NOTICE '010: renamed trigger update_knowledge_bases_updated_at to update_digital_twins_updated_at';
    ELSE
        RAISE NOTICE '010: already so: trigger update_digital_twins_updated_at';
    END IF;

    -- An index is recognised by its name in the transformation's style, else by what it holds; the last resort is to
    -- build it.
    FOR target IN
        SELECT v.name, v.tab, v.what,
               coalesce(to_regclass('public.' || v.name), (
                   SELECT x.indexrelid::regclass
                   FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
                   WHERE x.indrelid = to_regclass('public.' || v.tab) AND NOT x.indisunique
                     AND i.relname ~ '(^|_)(kb|knowledge_bases)(_|$)'
                     AND (i.relname = v.translated OR v.what = split_part(pg_get_indexdef(i.oid), ' USING ', 2))
                   ORDER BY i.relname <> v.translated, i.oid LIMIT 1)) AS found
        FROM (
            SELECT d.*, replace(replace(d.name, 'digital_twins', 'knowledge_bases'), 'twin', 'kb') AS translated
            FROM (VALUES
                ('idx_digital_twins_user_id', 'digital_twins', 'btree (user_id)'),
                ('idx_digital_twins_semantic_config', 'digital_twins',
                 'btree (semantic_search_threshold, semantic_search_max_results) WHERE is_active'),
                ('idx_digital_twins_rag_config', 'digital_twins', 'gin (rag_config)'),
                ('idx_digital_twins_purpose_config', 'digital_twins', 'gin (purpose_config)'),
                ('idx_knowledge_base_twin_id', 'knowledge_base', 'btree (twin_id)'),
                ('idx_conversations_twin_id', 'conversations', 'btree (twin_id)'),
                ('idx_analytics_events_twin_id', 'analytics_events', 'btree (twin_id)'),
                ('idx_benchmark_datasets_twin', 'benchmark_datasets', 'btree (twin_id)'),
                ('idx_benchmark_runs_twin', 'benchmark_runs', 'btree (twin_id)'),
                ('idx_benchmark_ab_tests_twin', 'benchmark_ab_tests', 'btree (twin_id)'),
                ('idx_web_sources_twin_id', 'web_sources', 'btree (twin_id)'),
                ('idx_llm_usage_twin_id', 'llm_usage', 'btree (twin_id)'),
                ('idx_doc_jobs_twin_id', 'document_processing_jobs', 'btree (twin_id)')
            ) AS d (name, tab, what)) AS v
    LOOP
        IF target.found IS NULL THEN
            EXECUTE format('CREATE INDEX %I ON public.%I USING %s', target.name, target.tab, target.what);
            RAISE NOTICE '010: created index %, which was missing', target.name;
        ELSIF target.found = to_regclass('public.' || target.name) THEN
            RAISE NOTICE '010: already so: index %', target.name;
        ELSE
            RAISE NOTICE '010: renaming index % to %', target.found, target.name;
            EXECUTE format('ALTER INDEX %s RENAME TO %I', target.found, target.name);
        END IF;
    END LOOP;

    -- The transformation left constraints their names; somebody may have tidied up, or moved the database by dump to
    -- PostgreSQL 18, which then named the NOT NULL constraints anew.
    FOR target IN
        SELECT c.conrelid::regclass AS tab, c.conname, v.name
        FROM pg_constraint AS c
        JOIN pg_class AS r ON r.oid = c.conrelid
        CROSS JOIN LATERAL (SELECT CASE r.relname WHEN 'digital_twins'
            THEN regexp_replace(c.conname, '^knowledge_bases_', 'digital_twins_')
            ELSE replace(c.conname, '_kb_id_', '_twin_id_') END AS name) AS v
        WHERE r.relnamespace = 'public'::regnamespace
          AND v.name <> c.conname
          AND ((r.relname = 'digital_twins' AND (c.contype = 'n' OR v.name IN (
                    'digital_twins_pkey', 'digital_twins_user_id_key', 'digital_twins_user_id_fkey',
                    'digital_twins_semantic_search_threshold_check',
                    'digital_twins_semantic_search_max_results_check')))
               OR (r.relname = ANY (holders) AND c.contype IN ('f', 'n') AND c.conkey = ARRAY[(
                    SELECT attnum FROM pg_attribute WHERE attrelid = r.oid AND attname = 'twin_id')]))
          AND NOT EXISTS (SELECT FROM pg_constraint AS o WHERE o.conrelid = c.conrelid AND o.conname = v.name)
        ORDER BY c.conname
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', target.tab, target.conname, target.name);
        RAISE NOTICE '010: renamed constraint % to %', target.conname, target.name;
    END LOOP;

    FOR target IN
        SELECT a.attname, CASE WHEN a.attname ~ 'name$' THEN 'twin_name' ELSE 'twin_id' END AS name
        FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('public.llm_user_costs')
          AND a.attname IN ('kb_id', 'kb_name', 'knowledge_base_id', 'knowledge_base_name')
    LOOP
        EXECUTE format('ALTER VIEW public.llm_user_costs RENAME COLUMN %I TO %I', target.attname, target.name);
        RAISE NOTICE '010: renamed output column llm_user_costs.% to %', target.attname, target.name;
    END LOOP;

    -- 6. The nine columns that were dropped.
    FOR target IN
        SELECT v.*, format_type(a.atttypid, a.atttypmod) AS found_type, a.attnotnull, e.expr AS found_default
        FROM (VALUES
            (1, 'profession', 'character varying(255)', NULL, true),
            (2, 'bio', 'text', NULL, false),
            (3, 'personality_traits', 'jsonb', NULL, false),
            (4, 'communication_style', 'text', NULL, false),
            (5, 'capabilities', 'jsonb', NULL, false),
            (6, 'services', 'jsonb', NULL, false),
            (7, 'pricing_info', 'jsonb', NULL, false),
            (8, 'availability_schedule', 'jsonb', NULL, false),
            (9, 'handover_threshold', 'numeric(3,2)', '0.5', false)
        ) AS v (nr, name, type, def, required)
        LEFT JOIN pg_attribute AS a ON a.attrelid = 'public.digital_twins'::regclass AND a.attname = v.name
        LEFT JOIN LATERAL (SELECT pg_get_expr(adbin, adrelid) AS expr FROM pg_attrdef
                           WHERE adrelid = a.attrelid AND adnum = a.attnum) AS e ON true
        ORDER BY v.nr
    LOOP
        IF target.found_type IS NULL AND target.required THEN
            -- A constant default fills the rows without touching them; it goes again at once.
            EXECUTE format('ALTER TABLE public.digital_twins ADD COLUMN %I %s NOT NULL DEFAULT %L',
                           target.name, target.type, placeholder);
            EXECUTE format('ALTER TABLE public.digital_twins ALTER COLUMN %I DROP DEFAULT', target.name);
            SELECT count(*) INTO moved FROM public.digital_twins;
            RAISE NOTICE '010: added column digital_twins.%, % row(s) say "%"', target.name, moved, placeholder;
            CONTINUE;
        ELSIF target.found_type IS NULL THEN
            EXECUTE format('ALTER TABLE public.digital_twins ADD COLUMN %I %s', target.name, target.type)
                || coalesce(' DEFAULT ' || target.def, '');
            RAISE NOTICE '010: added column digital_twins.%', target.name;
            CONTINUE;
        END IF;
        IF target.found_type <> target.type THEN
            EXECUTE format('ALTER TABLE public.digital_twins ALTER COLUMN %1$I DROP DEFAULT, '
                           'ALTER COLUMN %1$I TYPE %2$s USING ', target.name, target.type)
                || CASE WHEN target.type = 'jsonb' AND target.found_type ~ '\[\]$' THEN
                    -- A list becomes an object of booleans. The inner call gives "true" as text; in jsonb's output
                    -- the pattern cannot occur inside a key, since quotes are escaped there.
                    format('replace(jsonb_object(array_remove(%1$I::text[], NULL), array_fill(''true''::text, '
                           'ARRAY[coalesce(cardinality(array_remove(%1$I::text[], NULL)), 0)]))::text, '
                           '''": "true"'', ''": true'')::jsonb', target.name)
                   ELSE format('%I::%s', target.name, target.type) END;
            RAISE NOTICE '010: column digital_twins.% is % again, it was %', target.name, target.type, target.found_type;
        END IF;
        IF target.found_default IS DISTINCT FROM target.def THEN
            EXECUTE format('ALTER TABLE public.digital_twins ALTER COLUMN %I ', target.name)
                || coalesce('SET DEFAULT ' || target.def, 'DROP DEFAULT');
            RAISE NOTICE '010: column digital_twins.% has % again, it was %', target.name,
                coalesce('default ' || target.def, 'no default'), coalesce(target.found_default, 'without');
        ELSIF target.found_type <> target.type AND target.def IS NOT NULL THEN
            EXECUTE format('ALTER TABLE public.digital_twins ALTER COLUMN %I SET DEFAULT %s', target.name, target.def);
        END IF;
        IF target.required AND NOT target.attnotnull THEN
            SET CONSTRAINTS ALL IMMEDIATE; -- ALTER TABLE is refused while checks of the UPDATE are outstanding
            SELECT tgenabled INTO mode FROM pg_trigger
            WHERE tgrelid = 'public.digital_twins'::regclass AND tgname = 'update_digital_twins_updated_at';
            IF mode IS NOT NULL THEN
                ALTER TABLE public.digital_twins DISABLE TRIGGER update_digital_twins_updated_at;
            END IF;
            EXECUTE format('UPDATE public.digital_twins SET %1$I = %2$L WHERE %1$I IS NULL', target.name, placeholder);
            GET DIAGNOSTICS moved = ROW_COUNT;
            IF mode IS NOT NULL AND mode <> 'D' THEN
                EXECUTE format('ALTER TABLE public.digital_twins ENABLE %s TRIGGER update_digital_twins_updated_at',
                               CASE mode WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' ELSE '' END);
            END IF;
            EXECUTE format('ALTER TABLE public.digital_twins ALTER COLUMN %I SET NOT NULL', target.name);
            RAISE NOTICE '010: column digital_twins.% is NOT NULL again, % row(s) say "%"',
                target.name, moved, placeholder;
        ELSIF target.attnotnull AND NOT target.required THEN
            EXECUTE format('ALTER TABLE public.digital_twins ALTER COLUMN %I DROP NOT NULL', target.name);
            RAISE NOTICE '010: column digital_twins.% may be NULL again', target.name;
        ELSIF target.found_type = target.type AND target.found_default IS NOT DISTINCT FROM target.def THEN
            RAISE NOTICE '010: already so: column digital_twins.%', target.name;
        END IF;
    END LOOP;

    -- 7. Migration 013.
    FOREACH item IN ARRAY ARRAY['llm_provider_new', 'llm_provider_old'] LOOP
        IF to_regtype('public.' || item) IS NOT NULL THEN
            BEGIN
                EXECUTE format('DROP TYPE public.%I', item);
                RAISE NOTICE '010: dropped stray type %', item;
            EXCEPTION WHEN dependent_objects_still_exist THEN
                RAISE NOTICE '010: left type %, something uses it', item;
            END;
        END IF;
    END LOOP;
    SELECT count(*) INTO moved FROM public.digital_twins WHERE llm_provider::text = 'gemini';
    IF NOT has_gemini THEN
        RAISE NOTICE '010: already so: llm_provider has no label gemini';
    ELSIF gemini = 'keep' THEN
        RAISE NOTICE '010: kept label gemini of llm_provider, % row(s) use it', moved;
    ELSE
        SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), ', ') INTO in_the_way
        FROM pg_depend AS d
        LEFT JOIN pg_attrdef AS e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
        CROSS JOIN (SELECT attrelid, attnum FROM pg_attribute
                    WHERE attrelid = 'public.digital_twins'::regclass AND attname = 'llm_provider') AS a
        CROSS JOIN (SELECT oid, typarray FROM pg_type WHERE oid = 'public.llm_provider'::regtype) AS t
        WHERE ((d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
                AND NOT (d.classid = 'pg_type'::regclass AND d.objid = t.typarray))
               OR (d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
                   AND d.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass,
                                     'pg_attrdef'::regclass)))
          AND NOT (d.classid = 'pg_class'::regclass AND d.objid = a.attrelid AND d.objsubid = a.attnum)
          AND NOT coalesce(e.adrelid = a.attrelid AND e.adnum = a.attnum, false);
        IF in_the_way IS NOT NULL THEN
            RAISE EXCEPTION '010: in the way of removing gemini from llm_provider: %', in_the_way
                USING ERRCODE = 'dependent_objects_still_exist',
                      HINT = 'Drop or change these first, or keep the label (rollback.gemini = keep).';
        END IF;
        ALTER TYPE public.llm_provider RENAME TO llm_provider_old;
        CREATE TYPE public.llm_provider AS ENUM ('openai', 'anthropic', 'ollama', 'custom');
        EXECUTE format('ALTER TYPE public.llm_provider OWNER TO %I', (
            SELECT pg_get_userbyid(typowner) FROM pg_type WHERE oid = 'public.llm_provider_old'::regtype));
        -- The rows move in USING, where no trigger fires: updated_at stays.
        ALTER TABLE public.digital_twins
            ALTER COLUMN llm_provider DROP DEFAULT,
            ALTER COLUMN llm_provider TYPE public.llm_provider USING
                (CASE llm_provider::text WHEN 'gemini' THEN 'openai' ELSE llm_provider::text END)::public.llm_provider,
            ALTER COLUMN llm_provider SET DEFAULT 'openai';
        DROP TYPE public.llm_provider_old;
        RAISE NOTICE '010: removed label gemini of llm_provider, % row(s) have openai now', moved;
    END IF;

    -- 8. Comments on what 010 and 013 renamed: they would be wrong now. What the team wrote elsewhere stays.
    FOR target IN
        SELECT format('TABLE public.%I', 'digital_twins') AS what,
               obj_description('public.digital_twins'::regclass, 'pg_class') AS text
        WHERE obj_description('public.digital_twins'::regclass, 'pg_class') IS NOT NULL
        UNION ALL
        SELECT format('COLUMN public.%I.%I', r.relname, a.attname), col_description(a.attrelid, a.attnum)
        FROM pg_attribute AS a JOIN pg_class AS r ON r.oid = a.attrelid
        WHERE r.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
          AND r.relname = ANY (holders) AND a.attname = 'twin_id'
          AND col_description(a.attrelid, a.attnum) IS NOT NULL
        UNION ALL
        SELECT 'TYPE public.llm_provider', obj_description('public.llm_provider'::regtype, 'pg_type')
        WHERE obj_description('public.llm_provider'::regtype, 'pg_type') IS NOT NULL
    LOOP
        EXECUTE format('COMMENT ON %s IS NULL', target.what);
        RAISE NOTICE '010: removed the comment on %: "%"', lower(target.what), target.text;
    END LOOP;
END
$rollback$;
