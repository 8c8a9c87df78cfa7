-- Verify 010_rollback_knowledge_base.sql: raise with a list of everything that is not as the baseline has it.
--
-- Read-only, and all of it inside this one statement; runs inside the rollback's transaction too.
-- CHECKS   the table's name, its columns, constraints, indexes and trigger; twin_id in nine tables with its foreign key
--          and index; benchmark_questions.source_kb_id; the output columns of llm_user_costs; llm_provider's labels;
--          that no twin is without a profession. Foreign keys count only when validated and enforced, so that no
--          orphan can exist.
-- LOCKS    ACCESS SHARE on digital_twins for the count, which reads the table only if the catalogue lets NULL in.
-- OPTIONS  rollback.gemini = keep (default; the label may be there) | remove (it may not).
-- BY HAND  psql -v ON_ERROR_STOP=1 -f verify/010_rollback_knowledge_base.sql    (SQLSTATE P0004 where something differs)
DO $verify$
DECLARE
    gemini  text := coalesce(nullif(current_setting('rollback.gemini', true), ''), 'keep');
    wrong   text;
    waiting bigint := 0;
BEGIN
    PERFORM set_config('quote_all_identifiers', 'off', true); -- definitions are compared as PostgreSQL spells them
    IF gemini NOT IN ('keep', 'remove') THEN
        RAISE EXCEPTION '010: rollback.gemini is %: it must be keep or remove', quote_literal(gemini)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.digital_twins') AND attname = 'profession'
               AND NOT attnotnull) THEN
        SELECT count(*) INTO waiting FROM public.digital_twins WHERE profession IS NULL;
    END IF;

    WITH holder (tab, required, idx) AS (VALUES
        ('knowledge_base', true, 'idx_knowledge_base_twin_id'),
        ('conversations', true, 'idx_conversations_twin_id'),
        ('analytics_events', false, 'idx_analytics_events_twin_id'),
        ('benchmark_datasets', true, 'idx_benchmark_datasets_twin'),
        ('benchmark_runs', true, 'idx_benchmark_runs_twin'),
        ('benchmark_ab_tests', true, 'idx_benchmark_ab_tests_twin'),
        ('web_sources', true, 'idx_web_sources_twin_id'),
        ('llm_usage', false, 'idx_llm_usage_twin_id'),
        ('document_processing_jobs', true, 'idx_doc_jobs_twin_id')
    )
    SELECT string_agg(E'\n  - ' || w.what, '' ORDER BY w.what) INTO wrong
    FROM (
        SELECT 'digital_twins is not a table'
        WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.digital_twins') AND relkind IN ('r', 'p'))
        UNION ALL
        SELECT 'knowledge_bases is still a table'
        FROM pg_class WHERE oid = to_regclass('public.knowledge_bases') AND relkind IN ('r', 'p')
        UNION ALL
        SELECT format('column %s.%s is %s, not %s', v.tab, v.col, coalesce(a.found, 'missing'), v.expected)
        FROM (
            VALUES
            ('digital_twins', 'user_id', 'uuid NOT NULL'),
            ('digital_twins', 'profession', 'character varying(255) NOT NULL'),
            ('digital_twins', 'bio', 'text'),
            ('digital_twins', 'personality_traits', 'jsonb'),
            ('digital_twins', 'communication_style', 'text'),
            ('digital_twins', 'capabilities', 'jsonb'),
            ('digital_twins', 'services', 'jsonb'),
            ('digital_twins', 'pricing_info', 'jsonb'),
            ('digital_twins', 'availability_schedule', 'jsonb'),
            ('digital_twins', 'handover_threshold', 'numeric(3,2) DEFAULT 0.5'),
            ('benchmark_questions', 'source_kb_id', 'uuid')
            UNION ALL
            SELECT tab, 'twin_id', CASE WHEN required THEN 'uuid NOT NULL' ELSE 'uuid' END FROM holder
        ) AS v (tab, col, expected)
        LEFT JOIN LATERAL (
            SELECT replace(concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                                     'DEFAULT ' || pg_get_expr(e.adbin, e.adrelid)), 'public.', '') AS found
            FROM pg_attribute AS a LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
            WHERE a.attrelid = to_regclass('public.' || v.tab) AND a.attname = v.col AND NOT a.attisdropped
        ) AS a ON true
        WHERE a.found IS DISTINCT FROM v.expected
        UNION ALL
        SELECT format('column %s.%s is still there', r.relname, a.attname)
        FROM pg_attribute AS a JOIN pg_class AS r ON r.oid = a.attrelid
        WHERE r.relnamespace = 'public'::regnamespace AND NOT a.attisdropped
          AND ((r.relname = 'digital_twins' AND a.attname IN ('description', 'is_public', 'share_url'))
               OR (r.relname IN (SELECT tab FROM holder) AND a.attname = 'kb_id'))
        UNION ALL
        SELECT format('%s digital twin(s) without profession', waiting) WHERE waiting > 0
        UNION ALL
        SELECT format('constraint %s of %s is %s, not %s', v.name, v.tab, coalesce(c.found, 'missing'), v.expected)
        FROM (
            VALUES
            ('digital_twins', 'digital_twins_pkey', 'PRIMARY KEY (id)'),
            ('digital_twins', 'digital_twins_user_id_key', 'UNIQUE (user_id)'),
            ('digital_twins', 'digital_twins_user_id_fkey',
             'FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE'),
            ('benchmark_questions', 'benchmark_questions_source_kb_id_fkey',
             'FOREIGN KEY (source_kb_id) REFERENCES knowledge_base(id) ON DELETE SET NULL')
            UNION ALL
            SELECT tab, tab || '_twin_id_fkey', 'FOREIGN KEY (twin_id) REFERENCES digital_twins(id) ON DELETE CASCADE'
            FROM holder
            UNION ALL
            SELECT 'digital_twins', 'digital_twins_profession_not_null', 'NOT NULL profession'
            WHERE current_setting('server_version_num')::int >= 180000
            UNION ALL
            SELECT tab, tab || '_twin_id_not_null', 'NOT NULL twin_id'
            FROM holder WHERE required AND current_setting('server_version_num')::int >= 180000
        ) AS v (tab, name, expected)
        LEFT JOIN LATERAL (
            SELECT replace(pg_get_constraintdef(c.oid), 'public.', '')
                   || CASE WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = c.oid AND t.tgenabled <> 'O')
                           THEN ' (not enforced)' ELSE '' END AS found
            FROM pg_constraint AS c
            WHERE c.conrelid = to_regclass('public.' || v.tab) AND c.conname = v.name) AS c ON true
        WHERE c.found IS DISTINCT FROM v.expected
        UNION ALL
        SELECT format('constraint %s of digital_twins is missing', v.name)
        FROM (VALUES ('digital_twins_semantic_search_threshold_check'),
                     ('digital_twins_semantic_search_max_results_check')) AS v (name)
        WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('public.digital_twins')
                          AND conname = v.name AND contype = 'c' AND convalidated)
        UNION ALL
        SELECT format('index %s is %s, not %s', v.name, coalesce(i.found, 'missing'), v.expected)
        FROM (
            VALUES
            ('digital_twins', 'idx_digital_twins_user_id', 'btree (user_id)'),
            ('digital_twins', 'idx_digital_twins_semantic_config', 'btree … WHERE'),
            ('digital_twins', 'idx_digital_twins_rag_config', 'gin (rag_config)'),
            ('digital_twins', 'idx_digital_twins_purpose_config', 'gin (purpose_config)'),
            ('knowledge_base', 'idx_knowledge_base_chunks', 'btree (twin_id, parent_entry_id, chunk_index)')
            UNION ALL
            SELECT tab, idx, 'btree (twin_id)' FROM holder
        ) AS v (tab, name, expected)
        LEFT JOIN LATERAL (
            SELECT concat_ws(' ', CASE WHEN NOT x.indisvalid THEN 'invalid' END, CASE WHEN x.indisunique THEN 'unique' END,
                             CASE WHEN x.indpred IS NOT NULL THEN 'btree … WHERE'
                                  ELSE split_part(pg_get_indexdef(x.indexrelid), ' USING ', 2) END) AS found
            FROM pg_index AS x
            WHERE x.indexrelid = to_regclass('public.' || v.name) AND x.indrelid = to_regclass('public.' || v.tab)
        ) AS i ON true
        WHERE i.found IS DISTINCT FROM v.expected
        UNION ALL
        SELECT 'trigger update_digital_twins_updated_at is missing or off'
        WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass('public.digital_twins')
                          AND tgname = 'update_digital_twins_updated_at' AND tgenabled = 'O')
        UNION ALL
        SELECT 'trigger update_knowledge_bases_updated_at is still there'
        FROM pg_trigger
        WHERE tgrelid = to_regclass('public.digital_twins') AND tgname = 'update_knowledge_bases_updated_at'
        UNION ALL
        SELECT format('llm_user_costs has no output column %s', v.name)
        FROM (VALUES ('twin_id'), ('twin_name')) AS v (name)
        WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.llm_user_costs')
                          AND attname = v.name)
        UNION ALL
        SELECT format('llm_provider is (%s), not (openai, anthropic, ollama, custom)', coalesce(e.labels, 'missing'))
        FROM (SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) AS labels
              FROM pg_enum WHERE enumtypid = to_regtype('public.llm_provider')) AS e
        WHERE coalesce(e.labels, '') <> 'openai, anthropic, ollama, custom'
          AND NOT (gemini = 'keep' AND coalesce(e.labels, '') = 'openai, anthropic, ollama, custom, gemini')
        UNION ALL
        SELECT format('type %s is left over', v.name)
        FROM (VALUES ('llm_provider_new'), ('llm_provider_old')) AS v (name)
        WHERE to_regtype('public.' || v.name) IS NOT NULL
    ) AS w (what);

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'assert_failure', MESSAGE = '010 is not rolled back:' || wrong;
    END IF;
    RAISE NOTICE '010: verified';
END
$verify$;
