-- 010 taken back the way the team's own script goes about it: names only, nothing is rewritten. Only the benchmark runs
-- this; the real one is sql/rollback/010_rollback_knowledge_base.sql.
-- Written anew, with the names and types that the old release expects. A plain psql -f runs it.

ALTER TABLE public.knowledge_bases RENAME TO digital_twins;

ALTER TABLE public.knowledge_base RENAME COLUMN kb_id TO twin_id;
ALTER TABLE public.conversations RENAME COLUMN kb_id TO twin_id;
ALTER TABLE public.analytics_events RENAME COLUMN kb_id TO twin_id;
ALTER TABLE public.benchmark_datasets RENAME COLUMN kb_id TO twin_id;
ALTER TABLE public.benchmark_runs RENAME COLUMN kb_id TO twin_id;
ALTER TABLE public.benchmark_ab_tests RENAME COLUMN kb_id TO twin_id;
ALTER TABLE public.web_sources RENAME COLUMN kb_id TO twin_id;
ALTER TABLE public.llm_usage RENAME COLUMN kb_id TO twin_id;
ALTER TABLE public.document_processing_jobs RENAME COLUMN kb_id TO twin_id;

ALTER TABLE public.digital_twins
    ADD COLUMN profession VARCHAR(255) NOT NULL DEFAULT 'Not recorded',
    ADD COLUMN bio TEXT,
    ADD COLUMN personality_traits JSONB,
    ADD COLUMN communication_style TEXT,
    ADD COLUMN capabilities JSONB,
    ADD COLUMN services JSONB,
    ADD COLUMN pricing_info JSONB,
    ADD COLUMN availability_schedule JSONB,
    ADD COLUMN handover_threshold DECIMAL(3, 2) DEFAULT 0.5;
ALTER TABLE public.digital_twins ALTER COLUMN profession DROP DEFAULT;

ALTER TABLE public.digital_twins
    DROP COLUMN description,
    DROP COLUMN is_public,
    DROP COLUMN share_url;

ALTER INDEX public.idx_knowledge_bases_user_id RENAME TO idx_digital_twins_user_id;
ALTER INDEX public.idx_knowledge_bases_semantic_config RENAME TO idx_digital_twins_semantic_config;
ALTER INDEX public.idx_knowledge_bases_rag_config RENAME TO idx_digital_twins_rag_config;
ALTER INDEX public.idx_knowledge_base_kb_id RENAME TO idx_knowledge_base_twin_id;
ALTER INDEX public.idx_conversations_kb_id RENAME TO idx_conversations_twin_id;
ALTER INDEX public.idx_analytics_events_kb_id RENAME TO idx_analytics_events_twin_id;
ALTER INDEX public.idx_benchmark_datasets_kb RENAME TO idx_benchmark_datasets_twin;
ALTER INDEX public.idx_benchmark_runs_kb RENAME TO idx_benchmark_runs_twin;
ALTER INDEX public.idx_benchmark_ab_tests_kb RENAME TO idx_benchmark_ab_tests_twin;
ALTER INDEX public.idx_web_sources_kb_id RENAME TO idx_web_sources_twin_id;
ALTER INDEX public.idx_llm_usage_kb_id RENAME TO idx_llm_usage_twin_id;
ALTER INDEX public.idx_doc_jobs_kb_id RENAME TO idx_doc_jobs_twin_id;

ALTER TRIGGER update_knowledge_bases_updated_at ON public.digital_twins RENAME TO update_digital_twins_updated_at;
