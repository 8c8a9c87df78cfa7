-- What is in force of each forward migration, read from the catalogue: there is no table of migrations.
-- One row a probe: all true means applied, none absent, some half applied (or half rolled back).
-- Locks: ACCESS SHARE on catalogues only.
WITH present (tab, col) AS (
    SELECT r.relname::text, a.attname::text
    FROM pg_class AS r JOIN pg_attribute AS a ON a.attrelid = r.oid
    WHERE r.relnamespace = 'public'::regnamespace AND r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
),
label (typ, label) AS (
    SELECT t.typname::text, e.enumlabel::text
    FROM pg_enum AS e JOIN pg_type AS t ON t.oid = e.enumtypid
    WHERE t.typnamespace = 'public'::regnamespace
),
probe (migration, probe, forward) AS (
    SELECT '010', 'table digital_twins is called knowledge_bases',
           EXISTS (SELECT FROM present WHERE tab = 'knowledge_bases')
    UNION ALL
    SELECT '010', format('column %s.twin_id is called kb_id', v.tab),
           EXISTS (SELECT FROM present AS p WHERE p.tab = v.tab AND p.col = 'kb_id')
    FROM (VALUES ('knowledge_base'), ('conversations'), ('analytics_events'), ('benchmark_datasets'),
                 ('benchmark_runs'), ('benchmark_ab_tests'), ('web_sources'), ('llm_usage'),
                 ('document_processing_jobs')) AS v (tab)
    UNION ALL
    SELECT '010', format('column %s is dropped', v.col),
           NOT EXISTS (SELECT FROM present AS p WHERE p.tab IN ('digital_twins', 'knowledge_bases') AND p.col = v.col)
    FROM (VALUES ('profession'), ('bio'), ('personality_traits'), ('communication_style'), ('capabilities'),
                 ('services'), ('pricing_info'), ('availability_schedule'), ('handover_threshold')) AS v (col)
    UNION ALL
    SELECT '010', format('column %s is added', v.col),
           EXISTS (SELECT FROM present AS p WHERE p.tab IN ('digital_twins', 'knowledge_bases') AND p.col = v.col)
    FROM (VALUES ('description'), ('is_public'), ('share_url')) AS v (col)
    UNION ALL
    SELECT '010', 'trigger update_digital_twins_updated_at is renamed',
           NOT EXISTS (SELECT FROM pg_trigger AS t JOIN pg_class AS r ON r.oid = t.tgrelid
                       WHERE r.relnamespace = 'public'::regnamespace AND t.tgname = 'update_digital_twins_updated_at')
    UNION ALL
    SELECT '010', 'indexes on twin_id are renamed',
           EXISTS (SELECT FROM (VALUES ('digital_twins_user_id'), ('digital_twins_semantic_config'),
                                       ('digital_twins_rag_config'), ('knowledge_base_twin_id'),
                                       ('conversations_twin_id'), ('analytics_events_twin_id'),
                                       ('benchmark_datasets_twin'), ('benchmark_runs_twin'),
                                       ('benchmark_ab_tests_twin'), ('web_sources_twin_id'), ('llm_usage_twin_id'),
                                       ('doc_jobs_twin_id')) AS v (name)
                   WHERE to_regclass('public.idx_' || v.name) IS NULL)
    UNION ALL
    SELECT '011', 'table handover_notifications is dropped',
           NOT EXISTS (SELECT FROM present WHERE tab = 'handover_notifications')
    UNION ALL
    SELECT '011', 'column conversations.handed_over_at is dropped',
           NOT EXISTS (SELECT FROM present WHERE tab = 'conversations' AND col = 'handed_over_at')
    UNION ALL
    SELECT '011', 'conversation_status has no label handed_over',
           NOT EXISTS (SELECT FROM label WHERE typ = 'conversation_status' AND label = 'handed_over')
    UNION ALL
    SELECT '011', 'message_sender has no label professional',
           NOT EXISTS (SELECT FROM label WHERE typ = 'message_sender' AND label = 'professional')
    UNION ALL
    SELECT '012', format('column users.%s is added', v.col),
           EXISTS (SELECT FROM present AS p WHERE p.tab = 'users' AND p.col = v.col)
    FROM (VALUES ('oauth_provider'), ('oauth_id'), ('avatar_url')) AS v (col)
    UNION ALL
    SELECT '012', 'users.password_hash may be NULL',
           EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.users') AND attname = 'password_hash'
                   AND NOT attnotnull)
    UNION ALL
    SELECT '012', 'role professional is called kb_owner',
           EXISTS (SELECT FROM label WHERE typ = 'user_role' AND label = 'kb_owner')
    UNION ALL
    SELECT '013', 'llm_provider has the label gemini',
           EXISTS (SELECT FROM label WHERE typ = 'llm_provider' AND label = 'gemini')
)
SELECT migration, probe, forward FROM probe ORDER BY migration, probe
