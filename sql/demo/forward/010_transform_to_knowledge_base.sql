-- Forward migration 010: digital twins become knowledge bases. Runs on the baseline; does not depend on 011 to 013.
-- Opens no transaction of its own.
--
-- Renames: table digital_twins to knowledge_bases; column twin_id to kb_id in nine tables; their indexes; one trigger.
-- Removes: nine columns of the table, and their values.
-- Adds: description, is_public, share_url (filled for the rows that exist), and two partial indexes on them.
-- Comments on the table and on its columns name, description, is_public, share_url; replaces the one on rag_config.
--
-- Keeps its old name, as PostgreSQL renames nothing by itself: 14 constraints (digital_twins_pkey, _user_id_key,
-- _user_id_fkey, two checks, and nine <table>_twin_id_fkey; from PostgreSQL 18 on also the constraints that hold
-- NOT NULL), the index idx_digital_twins_purpose_config, and the output columns twin_id and twin_name of
-- llm_user_costs. The column benchmark_questions.source_kb_id is an entry's id and has nothing to do with this.

ALTER TABLE public.digital_twins RENAME TO knowledge_bases;

ALTER TABLE public.knowledge_base RENAME COLUMN twin_id TO kb_id;
ALTER TABLE public.conversations RENAME COLUMN twin_id TO kb_id;
ALTER TABLE public.analytics_events RENAME COLUMN twin_id TO kb_id;
ALTER TABLE public.benchmark_datasets RENAME COLUMN twin_id TO kb_id;
ALTER TABLE public.benchmark_runs RENAME COLUMN twin_id TO kb_id;
ALTER TABLE public.benchmark_ab_tests RENAME COLUMN twin_id TO kb_id;
ALTER TABLE public.web_sources RENAME COLUMN twin_id TO kb_id;
ALTER TABLE public.llm_usage RENAME COLUMN twin_id TO kb_id;
ALTER TABLE public.document_processing_jobs RENAME COLUMN twin_id TO kb_id;

ALTER TABLE public.knowledge_bases
    DROP COLUMN profession,
    DROP COLUMN bio,
    DROP COLUMN personality_traits,
    DROP COLUMN communication_style,
    DROP COLUMN capabilities,
    DROP COLUMN services,
    DROP COLUMN pricing_info,
    DROP COLUMN availability_schedule,
    DROP COLUMN handover_threshold;

ALTER TABLE public.knowledge_bases
    ADD COLUMN description TEXT,
    ADD COLUMN is_public BOOLEAN DEFAULT false,
    ADD COLUMN share_url VARCHAR(255) UNIQUE;

-- A readable address: the name in lower case with dashes, and 8 hex digits that keep equal names apart.
UPDATE public.knowledge_bases
SET share_url = trim(BOTH '-' FROM left(regexp_replace(lower(name), '[^a-z0-9]+', '-', 'g'), 240))
    || '-' || left(md5(id::text), 8);

CREATE INDEX idx_knowledge_bases_is_public ON public.knowledge_bases (is_public) WHERE is_public = true;
CREATE INDEX idx_knowledge_bases_share_url ON public.knowledge_bases (share_url) WHERE share_url IS NOT NULL;

ALTER INDEX public.idx_digital_twins_user_id RENAME TO idx_knowledge_bases_user_id;
ALTER INDEX public.idx_digital_twins_semantic_config RENAME TO idx_knowledge_bases_semantic_config;
ALTER INDEX public.idx_digital_twins_rag_config RENAME TO idx_knowledge_bases_rag_config;
ALTER INDEX public.idx_knowledge_base_twin_id RENAME TO idx_knowledge_base_kb_id;
ALTER INDEX public.idx_conversations_twin_id RENAME TO idx_conversations_kb_id;
ALTER INDEX public.idx_analytics_events_twin_id RENAME TO idx_analytics_events_kb_id;
ALTER INDEX public.idx_benchmark_datasets_twin RENAME TO idx_benchmark_datasets_kb;
ALTER INDEX public.idx_benchmark_runs_twin RENAME TO idx_benchmark_runs_kb;
ALTER INDEX public.idx_benchmark_ab_tests_twin RENAME TO idx_benchmark_ab_tests_kb;
ALTER INDEX public.idx_web_sources_twin_id RENAME TO idx_web_sources_kb_id;
ALTER INDEX public.idx_llm_usage_twin_id RENAME TO idx_llm_usage_kb_id;
ALTER INDEX public.idx_doc_jobs_twin_id RENAME TO idx_doc_jobs_kb_id;

ALTER TRIGGER update_digital_twins_updated_at ON public.knowledge_bases RENAME TO update_knowledge_bases_updated_at;

COMMENT ON TABLE public.knowledge_bases IS 'Knowledge bases, which were called digital twins';
COMMENT ON COLUMN public.knowledge_bases.name IS 'What the knowledge base is called';
COMMENT ON COLUMN public.knowledge_bases.description IS 'What the knowledge base is about';
COMMENT ON COLUMN public.knowledge_bases.is_public IS 'Whether people without an account may read it';
COMMENT ON COLUMN public.knowledge_bases.share_url IS 'Last part of the address under which it is shared';
COMMENT ON COLUMN public.knowledge_bases.rag_config IS 'Settings of retrieval for this knowledge base';
