-- Indexes of the team's names that 010 takes for those of the old release, since they hold the same; one row each.
-- The rule is 010's own. Locks: ACCESS SHARE on catalogues only.
SELECT x.indexrelid::regclass::text AS index, v.name AS becomes
FROM (VALUES
    ('idx_digital_twins_user_id', 'knowledge_bases', 'btree (user_id)'),
    ('idx_digital_twins_semantic_config', 'knowledge_bases',
     'btree (semantic_search_threshold, semantic_search_max_results) WHERE (semantic_search_threshold IS NOT NULL)'),
    ('idx_digital_twins_rag_config', 'knowledge_bases', 'gin (rag_config)'),
    ('idx_digital_twins_purpose_config', 'knowledge_bases', 'gin (purpose_config)'),
    ('idx_knowledge_base_chunks', 'knowledge_base', 'btree (kb_id, parent_entry_id, chunk_index)'),
    ('idx_knowledge_base_twin_id', 'knowledge_base', 'btree (kb_id)'),
    ('idx_conversations_twin_id', 'conversations', 'btree (kb_id)'),
    ('idx_analytics_events_twin_id', 'analytics_events', 'btree (kb_id)'),
    ('idx_benchmark_datasets_twin', 'benchmark_datasets', 'btree (kb_id)'),
    ('idx_benchmark_runs_twin', 'benchmark_runs', 'btree (kb_id)'),
    ('idx_benchmark_ab_tests_twin', 'benchmark_ab_tests', 'btree (kb_id)'),
    ('idx_web_sources_twin_id', 'web_sources', 'btree (kb_id)'),
    ('idx_llm_usage_twin_id', 'llm_usage', 'btree (kb_id)'),
    ('idx_doc_jobs_twin_id', 'document_processing_jobs', 'btree (kb_id)')
) AS v (name, tab, what)
CROSS JOIN LATERAL (SELECT replace(replace(v.name, 'digital_twins', 'knowledge_bases'), 'twin', 'kb') AS translated) AS t
CROSS JOIN LATERAL (
    SELECT x.indexrelid
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
    WHERE x.indrelid = to_regclass('public.' || v.tab) AND NOT x.indisunique
      AND i.relname ~ '(^|_)(kb|knowledge_bases)(_|$)' AND v.what = split_part(pg_get_indexdef(i.oid), ' USING ', 2)
    ORDER BY i.oid LIMIT 1) AS x
WHERE to_regclass('public.' || v.name) IS NULL AND to_regclass('public.' || t.translated) IS NULL
ORDER BY 1
