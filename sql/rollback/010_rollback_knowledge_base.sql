-- 010_rollback_knowledge_base.sql: take migration 010 (digital twins became knowledge bases) back.
--
-- UNDOES
--   knowledge_bases is called digital_twins again, kb_id twin_id in nine tables; indexes, constraints, the
--   trigger and the output columns of llm_user_costs have their names; the nine dropped columns are there again,
--   of their exact types. Where an earlier, faulty rollback left them otherwise (profession nullable,
--   communication_style varchar(100), capabilities text[], threshold 0.70), they are mended.
--   profession was NOT NULL and its values are lost: every row without one gets the placeholder declared below.
-- REMOVES
--   description, is_public, share_url and what stands on them and on no other column: indexes by any name, comments,
--   statistics, defaults, constraints. Tables that inherit from the table lose the columns, too.
--   The comments that 010 set on the table and on its column name, where something of 010 is found; each is printed
--   first. Where 010 replaced the comment on rag_config, its text stays: the old one is known only to a database or a
--   dump from before. Any other comment is the team's and stays.
--   With rollback.gemini = remove also the label gemini of llm_provider (migration 013), with the type's comment;
--   its rows get the default.
-- KEEPS IN THE ARCHIVE
--   rollback.archived_knowledge_bases: the three columns of every row, and llm_provider of the rows moved from gemini.
-- REFUSES, having changed nothing
--   if both tables exist, or both columns in one table; while something stands on a column that goes and on anything
--   else (view, policy, trigger, index with another column …), or (gemini = remove) on the type llm_provider.
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
    found_010   boolean;
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
    PERFORM set_config('quote_all_identifiers', 'off', true); -- definitions are compared as PostgreSQL spells them

    -- 1. The table.
    SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.knowledge_bases') AND relkind IN ('r', 'p')),
           EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.digital_twins') AND relkind IN ('r', 'p'))
    INTO has_kb, has_twin;
    -- Is anything of 010 here, or was (a dropped column leaves its place)? Where not, a comment on what 010 describes
    -- was written by the team.
    found_010 := has_kb
        OR (SELECT count(*) < 9 FROM pg_attribute
            WHERE attrelid = to_regclass('public.digital_twins') AND NOT attisdropped
              AND attname IN ('profession', 'bio', 'personality_traits', 'communication_style', 'capabilities', 'services',
                              'pricing_info', 'availability_schedule', 'handover_threshold'))
        OR EXISTS (SELECT FROM pg_attribute
                   WHERE attrelid = to_regclass('public.digital_twins')
                     AND (attisdropped OR attname = ANY (new_columns)))
        OR EXISTS (SELECT FROM pg_attribute AS a JOIN pg_class AS r ON r.oid = a.attrelid
                   WHERE r.relnamespace = 'public'::regnamespace AND r.relname = ANY (holders) AND a.attname = 'kb_id'
                     AND NOT a.attisdropped)
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass('public.digital_twins')
                   AND tgname = 'update_knowledge_bases_updated_at');
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

    -- 3. What stands on the columns that go: named, whether it goes along or is in the way.
    WITH RECURSIVE dropped (migration, rel, col) AS (
        SELECT '010', 'public.digital_twins'::regclass::oid, unnest(new_columns)
    ),
    -- RULE: what stands on columns that are dropped, and on no other column, goes with them; all else is in the way.
    kin (migration, rel, col, own) AS (
        SELECT migration, rel, col, true FROM dropped
        UNION
        SELECT k.migration, i.inhrelid, k.col, false FROM kin AS k JOIN pg_inherits AS i ON i.inhparent = k.rel
    ),
    going (migration, rel, num) AS (
        SELECT k.migration, a.attrelid, a.attnum
        FROM kin AS k
        JOIN pg_attribute AS a ON a.attrelid = k.rel AND a.attname = k.col AND NOT a.attisdropped
        WHERE k.own OR (a.attinhcount = 1 AND NOT a.attislocal)
    ),
    -- Types whose values hold whole rows of such a table: its own, then arrays, domains, ranges, rows that have it.
    holder (migration, typ) AS (
        SELECT g.migration, r.reltype FROM going AS g JOIN pg_class AS r ON r.oid = g.rel
        UNION
        SELECT h.migration, CASE d.classid WHEN 'pg_class'::regclass THEN r.reltype ELSE d.objid END
        FROM holder AS h
        JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = h.typ
        LEFT JOIN pg_class AS r ON d.classid = 'pg_class'::regclass AND r.oid = d.objid AND r.reltype <> 0
        WHERE d.classid = 'pg_type'::regclass OR d.objsubid > 0
    ),
    standing (migration, rel, num, classid, objid, objsubid, goes) AS (
        SELECT g.migration, g.rel, g.num, d.classid, d.objid, d.objsubid,
               CASE
                   WHEN d.classid = 'pg_attrdef'::regclass THEN (e.adrelid, e.adnum) = (g.rel, g.num)
                   WHEN EXISTS (SELECT FROM pg_constraint AS x WHERE x.conindid = i.oid AND x.contype IN ('p', 'u', 'x'))
                   THEN false -- by its predicate: PostgreSQL lets it go with its constraint only
                   WHEN c.contype = 'f' THEN (SELECT bool_and((c.conrelid, k) IN (SELECT rel, num FROM going))
                                              FROM unnest(c.conkey) AS k)
                   WHEN i.relkind IN ('i', 'I') OR c.oid IS NOT NULL OR d.classid = 'pg_statistic_ext'::regclass
                   THEN NOT EXISTS (SELECT FROM pg_depend AS o
                                    WHERE o.classid = d.classid AND o.objid = d.objid AND o.refobjsubid > 0
                                      AND o.refclassid = 'pg_class'::regclass
                                      AND (o.refobjid, o.refobjsubid) NOT IN (SELECT rel, num FROM going))
                   ELSE false
               END
        FROM going AS g
        JOIN pg_depend AS d
            ON d.refclassid = 'pg_class'::regclass AND d.refobjid = g.rel AND d.refobjsubid = g.num
        LEFT JOIN pg_attrdef AS e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
        LEFT JOIN pg_constraint AS c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
        LEFT JOIN pg_class AS i ON d.classid = 'pg_class'::regclass AND i.oid = d.objid AND d.objsubid = 0
        UNION ALL
        SELECT DISTINCT h.migration, NULL::oid, NULL::smallint, d.classid, d.objid, d.objsubid, false
        FROM holder AS h
        JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = h.typ
            AND d.classid = 'pg_class'::regclass AND d.objsubid > 0
        JOIN pg_class AS r ON r.oid = d.objid AND r.relkind IN ('r', 'p', 'm')
    )
    -- END OF RULE
    SELECT string_agg(DISTINCT CASE
               WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, w.ev_class, 0)
               WHEN e.oid IS NOT NULL THEN pg_describe_object('pg_class'::regclass, e.adrelid, e.adnum)
               ELSE pg_describe_object(s.classid, s.objid, s.objsubid) END, ', ') FILTER (WHERE NOT s.goes),
           string_agg(DISTINCT pg_describe_object(s.classid, s.objid, s.objsubid)
               || coalesce(' (its comment: "' || obj_description(s.objid, s.classid::regclass::text::name) || '")', ''), ', ')
               FILTER (WHERE s.goes AND s.classid <> 'pg_attrdef'::regclass)
    INTO in_the_way, item
    FROM standing AS s
    LEFT JOIN pg_rewrite AS w ON s.classid = 'pg_rewrite'::regclass AND w.oid = s.objid
    LEFT JOIN pg_attrdef AS e ON s.classid = 'pg_attrdef'::regclass AND e.oid = s.objid;
    IF in_the_way IS NOT NULL THEN
        RAISE EXCEPTION '010: in the way of dropping description, is_public, share_url: %', in_the_way
            USING ERRCODE = 'dependent_objects_still_exist',
                  HINT = 'Drop or change these first; what stands on other things too is not dropped along.';
    END IF;
    IF item IS NOT NULL THEN
        RAISE NOTICE '010: with description, is_public, share_url go %', item;
    END IF;
    FOR target IN
        SELECT a.attname, col_description(a.attrelid, a.attnum) AS text FROM pg_attribute AS a
        WHERE a.attrelid = 'public.digital_twins'::regclass AND a.attname = ANY (new_columns)
          AND col_description(a.attrelid, a.attnum) IS NOT NULL
    LOOP
        RAISE NOTICE '010: with digital_twins.% goes its comment: "%"', target.attname, target.text;
    END LOOP;

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
        ALTER TABLE rollback.archived_knowledge_bases
            ADD COLUMN IF NOT EXISTS how text, ADD COLUMN IF NOT EXISTS whole jsonb;
        -- As jsonb, since an earlier try may have dropped some of the three already.
        INSERT INTO rollback.archived_knowledge_bases (id, description, is_public, share_url, llm_provider, how)
        SELECT kept.id, kept.was ->> 'description', (kept.was ->> 'is_public')::boolean, kept.was ->> 'share_url',
               CASE WHEN gemini = 'remove' AND kept.was ->> 'llm_provider' = 'gemini' THEN 'gemini' END,
               CASE WHEN has_new THEN 'columns dropped' ELSE 'moved from gemini' END
        FROM (SELECT t.id, to_jsonb(t) AS was FROM public.digital_twins AS t) AS kept
        WHERE has_new OR kept.was ->> 'llm_provider' = 'gemini';
        GET DIAGNOSTICS moved = ROW_COUNT;
        RAISE NOTICE '010: kept % row(s) in rollback.archived_knowledge_bases', moved;
    END IF;
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
                 'btree (semantic_search_threshold, semantic_search_max_results) WHERE (semantic_search_threshold IS NOT NULL)'),
                ('idx_digital_twins_rag_config', 'digital_twins', 'gin (rag_config)'),
                ('idx_digital_twins_purpose_config', 'digital_twins', 'gin (purpose_config)'),
                ('idx_knowledge_base_chunks', 'knowledge_base', 'btree (twin_id, parent_entry_id, chunk_index)'),
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
        -- The new type is granted as the old one was; the comment of 013 goes with the label.
        IF EXISTS (SELECT FROM pg_type WHERE oid = 'public.llm_provider_old'::regtype AND typacl IS NOT NULL) THEN
            REVOKE ALL ON TYPE public.llm_provider FROM PUBLIC;
        END IF;
        FOR target IN
            SELECT CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(p.grantee)) END
                   || CASE WHEN p.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS who
            FROM pg_type AS t, aclexplode(t.typacl) AS p
            WHERE t.oid = 'public.llm_provider_old'::regtype AND p.grantee <> t.typowner
        LOOP
            EXECUTE format('GRANT USAGE ON TYPE public.llm_provider TO %s', target.who);
        END LOOP;
        item := obj_description('public.llm_provider_old'::regtype, 'pg_type');
        IF item IS NOT NULL THEN
            RAISE NOTICE '010: removed the comment on type public.llm_provider: "%"', item;
        END IF;
        DROP TYPE public.llm_provider_old;
        RAISE NOTICE '010: removed label gemini of llm_provider, % row(s) have openai now', moved;
    END IF;

    -- 8. The comments that 010 set: the baseline has none there. What the team wrote elsewhere stays.
    IF found_010 THEN
        SELECT col_description(attrelid, attnum) INTO item FROM pg_attribute
        WHERE attrelid = 'public.digital_twins'::regclass AND attname = 'rag_config';
        IF item IS NOT NULL THEN
            RAISE NOTICE '010: left the comment on digital_twins.rag_config, which 010 replaced; the old text is not known '
                'here: "%"', item;
        END IF;
    END IF;
    FOR target IN
        SELECT v.what, v.text
        FROM (VALUES
            ('TABLE public.digital_twins', obj_description('public.digital_twins'::regclass, 'pg_class')),
            ('COLUMN public.digital_twins.name', (
                SELECT col_description(attrelid, attnum) FROM pg_attribute
                WHERE attrelid = 'public.digital_twins'::regclass AND attname = 'name'))
        ) AS v (what, text)
        WHERE found_010 AND v.text IS NOT NULL
    LOOP
        EXECUTE format('COMMENT ON %s IS NULL', target.what);
        RAISE NOTICE '010: removed the comment on %: "%"', lower(target.what), target.text;
    END LOOP;
END
$rollback$;
