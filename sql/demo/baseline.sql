-- The DigitalTwin database as it was before the transformation (migrations 010 to 013): 22 tables, 6 enums,
-- 3 functions, 2 views, 17 triggers. This is what a rollback restores, exactly, names included.
-- Run it in an empty database after extensions.sql, by hand for instance:
--     psql -1 -v ON_ERROR_STOP=1 -f extensions.sql -f baseline.sql
--
-- Option: rollback.bot_label = 'assistant' (default) or 'twin', the middle label of message_sender. Earlier
-- installations called the bot 'twin':  PGOPTIONS='-c rollback.bot_label=twin' psql …
--
-- No constraint is named here: the names are those PostgreSQL makes (digital_twins_pkey,
-- knowledge_base_twin_id_fkey, from PostgreSQL 18 on also digital_twins_profession_not_null).

-- 1. Enums. The order of labels is the order of comparison.

CREATE TYPE public.user_role AS ENUM ('super_admin', 'professional', 'end_user');
CREATE TYPE public.subscription_tier AS ENUM ('free', 'basic', 'pro', 'enterprise');
CREATE TYPE public.llm_provider AS ENUM ('openai', 'anthropic', 'ollama', 'custom');
CREATE TYPE public.conversation_status AS ENUM ('active', 'handed_over', 'closed');

DO $$
DECLARE
    bot text := coalesce(nullif(current_setting('rollback.bot_label', true), ''), 'assistant');
BEGIN
    IF bot NOT IN ('assistant', 'twin') THEN
        RAISE EXCEPTION 'rollback.bot_label is ''%'': it must be ''assistant'' or ''twin''', bot;
    END IF;
    EXECUTE format('CREATE TYPE public.message_sender AS ENUM (''user'', %L, ''professional'')', bot);
END
$$;

CREATE TYPE public.email_provider AS ENUM ('gmail', 'outlook', 'imap');

-- 2. Accounts.

CREATE TABLE public.users (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    email VARCHAR(255) UNIQUE NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    full_name VARCHAR(255) NOT NULL,
    role public.user_role NOT NULL DEFAULT 'professional',
    is_active BOOLEAN DEFAULT true,
    email_verified BOOLEAN DEFAULT false,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.subscriptions (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id UUID NOT NULL UNIQUE REFERENCES public.users (id) ON DELETE CASCADE,
    tier public.subscription_tier NOT NULL DEFAULT 'free',
    stripe_customer_id VARCHAR(255),
    stripe_subscription_id VARCHAR(255),
    monthly_message_limit INTEGER,
    messages_used_this_month INTEGER DEFAULT 0,
    current_period_start TIMESTAMP,
    current_period_end TIMESTAMP,
    is_active BOOLEAN DEFAULT true,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

-- 3. Twins and what they know.

CREATE TABLE public.digital_twins (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id UUID NOT NULL UNIQUE REFERENCES public.users (id) ON DELETE CASCADE,
    name VARCHAR(255) NOT NULL,
    profession VARCHAR(255) NOT NULL,
    bio TEXT,
    avatar_url VARCHAR(500),
    llm_provider public.llm_provider NOT NULL DEFAULT 'openai',
    llm_model VARCHAR(100),
    system_prompt TEXT,
    temperature DECIMAL(3, 2) DEFAULT 0.7,
    max_tokens INTEGER DEFAULT 1000,
    personality_traits JSONB,
    communication_style TEXT,
    capabilities JSONB, -- an object of booleans: {"chat": true, "email": false}
    services JSONB,
    pricing_info JSONB,
    availability_schedule JSONB,
    handover_threshold DECIMAL(3, 2) DEFAULT 0.5,
    auto_responses_enabled BOOLEAN DEFAULT true,
    semantic_search_threshold DECIMAL(3, 2) DEFAULT 0.80
        CHECK (semantic_search_threshold >= 0 AND semantic_search_threshold <= 1),
    semantic_search_max_results INTEGER DEFAULT 3
        CHECK (semantic_search_max_results >= 1 AND semantic_search_max_results <= 10),
    is_active BOOLEAN DEFAULT true,
    rag_config JSONB DEFAULT '{}',
    purpose TEXT,
    purpose_config JSONB DEFAULT '{}',
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

-- Entries of a twin's knowledge. Not to be confused with knowledge_bases, digital_twins' name after 010.
CREATE TABLE public.knowledge_base (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    twin_id UUID NOT NULL REFERENCES public.digital_twins (id) ON DELETE CASCADE,
    title VARCHAR(255) NOT NULL,
    content TEXT NOT NULL,
    content_type VARCHAR(50),
    source_url VARCHAR(500),
    metadata JSONB,
    embedding vector(1536),
    file_name VARCHAR(255),
    file_size INTEGER,
    file_type VARCHAR(100),
    chunk_index INTEGER DEFAULT 0,
    total_chunks INTEGER DEFAULT 1,
    parent_entry_id UUID REFERENCES public.knowledge_base (id) ON DELETE CASCADE,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.vector_store (
    id UUID PRIMARY KEY, -- given by the writer: no default
    namespace TEXT DEFAULT 'default',
    vector vector(1536) NOT NULL,
    metadata JSONB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.document_processing_jobs (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    twin_id UUID NOT NULL REFERENCES public.digital_twins (id) ON DELETE CASCADE,
    file_name VARCHAR(255) NOT NULL,
    status VARCHAR(50) DEFAULT 'pending',
    result JSONB,
    completed_at TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

-- 4. Conversations.

CREATE TABLE public.end_users (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    email VARCHAR(255),
    name VARCHAR(255),
    phone VARCHAR(50),
    metadata JSONB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.conversations (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    twin_id UUID NOT NULL REFERENCES public.digital_twins (id) ON DELETE CASCADE,
    end_user_id UUID NOT NULL REFERENCES public.end_users (id) ON DELETE CASCADE,
    status public.conversation_status DEFAULT 'active',
    handed_over_at TIMESTAMP,
    closed_at TIMESTAMP,
    summary TEXT,
    metadata JSONB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.messages (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    conversation_id UUID NOT NULL REFERENCES public.conversations (id) ON DELETE CASCADE,
    sender public.message_sender NOT NULL,
    content TEXT NOT NULL,
    metadata JSONB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.handover_notifications (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    conversation_id UUID NOT NULL REFERENCES public.conversations (id) ON DELETE CASCADE,
    user_id UUID NOT NULL REFERENCES public.users (id) ON DELETE CASCADE,
    reason TEXT,
    is_read BOOLEAN DEFAULT false,
    is_accepted BOOLEAN DEFAULT false,
    accepted_at TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.analytics_events (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    twin_id UUID REFERENCES public.digital_twins (id) ON DELETE CASCADE,
    event_type VARCHAR(100) NOT NULL,
    event_data JSONB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

-- 5. Mail.

CREATE TABLE public.email_credentials (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id UUID NOT NULL REFERENCES public.users (id) ON DELETE CASCADE,
    provider public.email_provider NOT NULL,
    email_address VARCHAR(255) NOT NULL,
    encrypted_access_token TEXT,
    encrypted_refresh_token TEXT,
    token_expires_at TIMESTAMP,
    imap_host VARCHAR(255),
    imap_port INTEGER,
    encrypted_imap_password TEXT,
    auto_sync_enabled BOOLEAN DEFAULT true,
    sync_frequency_hours INTEGER DEFAULT 24,
    last_sync_at TIMESTAMP,
    last_sync_status VARCHAR(50),
    last_sync_error TEXT,
    months_to_import INTEGER DEFAULT 6,
    max_emails_limit INTEGER,
    current_email_count INTEGER DEFAULT 0,
    is_active BOOLEAN DEFAULT true,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (user_id, email_address)
);

CREATE TABLE public.email_knowledge (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id UUID REFERENCES public.users (id) ON DELETE CASCADE,
    credential_id UUID REFERENCES public.email_credentials (id) ON DELETE CASCADE,
    email_id VARCHAR(255) NOT NULL,
    thread_id VARCHAR(255),
    subject VARCHAR(1000) NOT NULL,
    sender_email VARCHAR(255) NOT NULL,
    sender_name VARCHAR(255),
    recipients JSONB,
    cc_recipients JSONB,
    sent_at TIMESTAMP NOT NULL,
    body_text TEXT NOT NULL,
    body_html TEXT,
    is_reply BOOLEAN DEFAULT false,
    in_reply_to VARCHAR(255),
    has_attachments BOOLEAN DEFAULT false,
    attachments JSONB,
    labels TEXT[],
    is_important BOOLEAN DEFAULT false,
    embedding vector(1536),
    search_weight DECIMAL(3, 2) DEFAULT 1.0 CHECK (search_weight >= 0 AND search_weight <= 2),
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (credential_id, email_id)
);

CREATE TABLE public.email_sync_history (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    credential_id UUID NOT NULL REFERENCES public.email_credentials (id) ON DELETE CASCADE,
    sync_type VARCHAR(50) NOT NULL,
    status VARCHAR(50) NOT NULL,
    started_at TIMESTAMP NOT NULL,
    completed_at TIMESTAMP,
    emails_found INTEGER DEFAULT 0,
    emails_imported INTEGER DEFAULT 0,
    emails_skipped INTEGER DEFAULT 0,
    emails_failed INTEGER DEFAULT 0,
    error_message TEXT,
    error_details JSONB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

-- 6. Benchmarks.

CREATE TABLE public.benchmark_datasets (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    twin_id UUID NOT NULL REFERENCES public.digital_twins (id) ON DELETE CASCADE,
    name VARCHAR(255) NOT NULL,
    description TEXT,
    dataset_type VARCHAR(50) DEFAULT 'golden',
    is_active BOOLEAN DEFAULT true,
    total_questions INTEGER DEFAULT 0,
    generation_config JSONB,
    tags JSONB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.benchmark_questions (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    dataset_id UUID NOT NULL REFERENCES public.benchmark_datasets (id) ON DELETE CASCADE,
    question TEXT NOT NULL,
    expected_answer TEXT,
    expected_context_ids UUID[],
    question_type VARCHAR(50),
    difficulty VARCHAR(20),
    source_type VARCHAR(50),
    source_kb_id UUID REFERENCES public.knowledge_base (id) ON DELETE SET NULL, -- an entry: 010 leaves it alone
    tags JSONB,
    is_active BOOLEAN DEFAULT true,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.benchmark_runs (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    twin_id UUID NOT NULL REFERENCES public.digital_twins (id) ON DELETE CASCADE,
    dataset_id UUID REFERENCES public.benchmark_datasets (id) ON DELETE SET NULL,
    name VARCHAR(255),
    run_type VARCHAR(50) DEFAULT 'manual',
    rag_config JSONB NOT NULL,
    comparison_run_id UUID REFERENCES public.benchmark_runs (id),
    status VARCHAR(50) DEFAULT 'pending',
    progress INTEGER DEFAULT 0,
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    aggregate_metrics JSONB,
    total_input_tokens INTEGER DEFAULT 0,
    total_output_tokens INTEGER DEFAULT 0,
    estimated_cost_usd DECIMAL(10, 6),
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.benchmark_results (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    run_id UUID NOT NULL REFERENCES public.benchmark_runs (id) ON DELETE CASCADE,
    question_id UUID NOT NULL REFERENCES public.benchmark_questions (id) ON DELETE CASCADE,
    input_question TEXT NOT NULL,
    expected_answer TEXT,
    actual_answer TEXT,
    retrieved_context JSONB,
    faithfulness DECIMAL(5, 4),
    answer_relevancy DECIMAL(5, 4),
    context_precision DECIMAL(5, 4),
    latency_ms INTEGER,
    input_tokens INTEGER,
    output_tokens INTEGER,
    human_rating INTEGER CHECK (human_rating >= 1 AND human_rating <= 5),
    human_feedback TEXT,
    evaluated_by UUID REFERENCES public.users (id),
    evaluated_at TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.benchmark_ab_tests (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    twin_id UUID NOT NULL REFERENCES public.digital_twins (id) ON DELETE CASCADE,
    name VARCHAR(255) NOT NULL,
    config_a JSONB NOT NULL,
    config_b JSONB NOT NULL,
    run_a_id UUID REFERENCES public.benchmark_runs (id) ON DELETE SET NULL,
    run_b_id UUID REFERENCES public.benchmark_runs (id) ON DELETE SET NULL,
    dataset_id UUID REFERENCES public.benchmark_datasets (id) ON DELETE SET NULL,
    status VARCHAR(50) DEFAULT 'pending',
    winner VARCHAR(10),
    statistical_significance DECIMAL(5, 4),
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

-- 7. Web sources.

CREATE TABLE public.web_sources (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    twin_id UUID NOT NULL REFERENCES public.digital_twins (id) ON DELETE CASCADE,
    name VARCHAR(255) NOT NULL,
    base_url VARCHAR(500) NOT NULL,
    scrape_strategy VARCHAR(50) DEFAULT 'single_page' CHECK (scrape_strategy IN ('single_page', 'crawl')),
    crawl_depth INTEGER DEFAULT 1 CHECK (crawl_depth >= 1 AND crawl_depth <= 5),
    max_pages INTEGER DEFAULT 10 CHECK (max_pages >= 1 AND max_pages <= 500),
    schedule_frequency_hours INTEGER DEFAULT 24
        CHECK (schedule_frequency_hours >= 1 AND schedule_frequency_hours <= 168),
    include_paths TEXT[],
    exclude_paths TEXT[],
    config JSONB,
    last_run_at TIMESTAMP,
    last_run_status VARCHAR(50),
    next_run_at TIMESTAMP,
    is_active BOOLEAN DEFAULT true,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE public.web_scrape_runs (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    source_id UUID REFERENCES public.web_sources (id) ON DELETE CASCADE,
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    status VARCHAR(50) NOT NULL,
    trigger_type VARCHAR(50),
    pages_found INTEGER DEFAULT 0,
    pages_scraped INTEGER DEFAULT 0,
    pages_failed INTEGER DEFAULT 0,
    error TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

-- 8. Cost of language models.

CREATE TABLE public.llm_usage (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id UUID REFERENCES public.users (id) ON DELETE CASCADE,
    twin_id UUID REFERENCES public.digital_twins (id) ON DELETE CASCADE,
    provider VARCHAR(50) NOT NULL CHECK (provider IN ('openai', 'anthropic')),
    model VARCHAR(100),
    operation VARCHAR(50) CHECK (operation IN ('chat', 'embedding', 'vision', 'streaming')),
    prompt_tokens INTEGER DEFAULT 0,
    completion_tokens INTEGER DEFAULT 0,
    total_tokens INTEGER DEFAULT 0,
    cost_usd DECIMAL(10, 6) DEFAULT 0,
    metadata JSONB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

COMMENT ON COLUMN public.digital_twins.rag_config IS
    'Settings of retrieval for this twin; what is missing here comes from the application''s defaults';
COMMENT ON TABLE public.llm_usage IS 'One row for each call to a language model';
COMMENT ON COLUMN public.llm_usage.cost_usd IS 'Cost of the call in US dollars, at the price of that day';

CREATE VIEW public.llm_cost_analytics AS
SELECT
    date_trunc('day', u.created_at) AS day,
    u.provider,
    u.model,
    u.operation,
    count(*) AS calls,
    sum(u.total_tokens) AS total_tokens,
    sum(u.cost_usd) AS total_cost_usd
FROM public.llm_usage u
GROUP BY date_trunc('day', u.created_at), u.provider, u.model, u.operation;

COMMENT ON VIEW public.llm_cost_analytics IS 'Cost of language models by day, provider, model and operation';

CREATE VIEW public.llm_user_costs AS
SELECT
    u.user_id,
    a.email AS user_email,
    u.twin_id,
    t.name AS twin_name,
    date_trunc('month', u.created_at) AS month,
    u.provider,
    count(*) AS calls,
    sum(u.total_tokens) AS total_tokens,
    sum(u.cost_usd) AS total_cost_usd
FROM public.llm_usage u
LEFT JOIN public.users a ON a.id = u.user_id
LEFT JOIN public.digital_twins t ON t.id = u.twin_id
GROUP BY u.user_id, a.email, u.twin_id, t.name, date_trunc('month', u.created_at), u.provider;

COMMENT ON VIEW public.llm_user_costs IS 'Cost of language models by user, twin, month and provider';

-- 9. Indexes.

CREATE INDEX idx_users_email ON public.users (email);
CREATE INDEX idx_users_role ON public.users (role);
CREATE INDEX idx_subscriptions_tier ON public.subscriptions (tier);

CREATE INDEX idx_digital_twins_user_id ON public.digital_twins (user_id);
CREATE INDEX idx_digital_twins_semantic_config
    ON public.digital_twins (semantic_search_threshold, semantic_search_max_results)
    WHERE semantic_search_threshold IS NOT NULL;
CREATE INDEX idx_digital_twins_rag_config ON public.digital_twins USING gin (rag_config);
CREATE INDEX idx_digital_twins_purpose_config ON public.digital_twins USING gin (purpose_config);

CREATE INDEX idx_knowledge_base_twin_id ON public.knowledge_base (twin_id);
CREATE INDEX idx_knowledge_base_parent_entry ON public.knowledge_base (parent_entry_id);
CREATE INDEX idx_knowledge_base_chunks ON public.knowledge_base (twin_id, parent_entry_id, chunk_index);
CREATE INDEX idx_vector_store_namespace ON public.vector_store (namespace);
CREATE INDEX idx_doc_jobs_twin_id ON public.document_processing_jobs (twin_id);
CREATE INDEX idx_doc_jobs_status ON public.document_processing_jobs (status);

CREATE INDEX idx_end_users_email ON public.end_users (email);
CREATE INDEX idx_conversations_twin_id ON public.conversations (twin_id);
CREATE INDEX idx_conversations_end_user_id ON public.conversations (end_user_id);
CREATE INDEX idx_conversations_status ON public.conversations (status);
CREATE INDEX idx_messages_conversation_id ON public.messages (conversation_id, created_at);
CREATE INDEX idx_handover_notifications_user_id ON public.handover_notifications (user_id);
CREATE INDEX idx_handover_notifications_is_read ON public.handover_notifications (is_read);
CREATE INDEX idx_analytics_events_twin_id ON public.analytics_events (twin_id);
CREATE INDEX idx_analytics_events_type ON public.analytics_events (event_type);

CREATE INDEX idx_email_credentials_user_id ON public.email_credentials (user_id);
CREATE INDEX idx_email_knowledge_user_id ON public.email_knowledge (user_id);
CREATE INDEX idx_email_knowledge_thread_id ON public.email_knowledge (thread_id);
CREATE INDEX idx_email_sync_history_credential_id ON public.email_sync_history (credential_id, started_at);

CREATE INDEX idx_benchmark_datasets_twin ON public.benchmark_datasets (twin_id);
CREATE INDEX idx_benchmark_questions_dataset ON public.benchmark_questions (dataset_id);
CREATE INDEX idx_benchmark_runs_twin ON public.benchmark_runs (twin_id);
CREATE INDEX idx_benchmark_runs_dataset ON public.benchmark_runs (dataset_id);
CREATE INDEX idx_benchmark_results_run ON public.benchmark_results (run_id);
CREATE INDEX idx_benchmark_results_question ON public.benchmark_results (question_id);
CREATE INDEX idx_benchmark_ab_tests_twin ON public.benchmark_ab_tests (twin_id);

CREATE INDEX idx_web_sources_twin_id ON public.web_sources (twin_id);
CREATE INDEX idx_web_sources_next_run ON public.web_sources (next_run_at) WHERE is_active;
CREATE INDEX idx_web_scrape_runs_source_id ON public.web_scrape_runs (source_id);

CREATE INDEX idx_llm_usage_user_id ON public.llm_usage (user_id);
CREATE INDEX idx_llm_usage_twin_id ON public.llm_usage (twin_id);
CREATE INDEX idx_llm_usage_created_at ON public.llm_usage (created_at);

-- 10. Functions and triggers.

CREATE FUNCTION public.update_updated_at_column() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;

CREATE FUNCTION public.update_email_count() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE public.email_credentials SET current_email_count = current_email_count + 1
        WHERE id = NEW.credential_id;
    ELSE
        UPDATE public.email_credentials SET current_email_count = greatest(current_email_count - 1, 0)
        WHERE id = OLD.credential_id;
    END IF;
    RETURN NULL;
END;
$$;

CREATE FUNCTION public.check_email_limit() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.email_credentials c
        WHERE c.id = NEW.credential_id AND c.current_email_count >= c.max_emails_limit
    ) THEN
        RAISE EXCEPTION 'email limit reached for credential %', NEW.credential_id;
    END IF;
    RETURN NEW;
END;
$$;

CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_subscriptions_updated_at BEFORE UPDATE ON public.subscriptions
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_digital_twins_updated_at BEFORE UPDATE ON public.digital_twins
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_knowledge_base_updated_at BEFORE UPDATE ON public.knowledge_base
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_end_users_updated_at BEFORE UPDATE ON public.end_users
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_conversations_updated_at BEFORE UPDATE ON public.conversations
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_email_credentials_updated_at BEFORE UPDATE ON public.email_credentials
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_email_knowledge_updated_at BEFORE UPDATE ON public.email_knowledge
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_benchmark_datasets_updated_at BEFORE UPDATE ON public.benchmark_datasets
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_benchmark_questions_updated_at BEFORE UPDATE ON public.benchmark_questions
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_benchmark_runs_updated_at BEFORE UPDATE ON public.benchmark_runs
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_web_sources_updated_at BEFORE UPDATE ON public.web_sources
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_web_scrape_runs_updated_at BEFORE UPDATE ON public.web_scrape_runs
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_vector_store_updated_at BEFORE UPDATE ON public.vector_store
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_document_processing_jobs_updated_at BEFORE UPDATE ON public.document_processing_jobs
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER trigger_check_email_limit BEFORE INSERT ON public.email_knowledge
    FOR EACH ROW EXECUTE FUNCTION public.check_email_limit();
CREATE TRIGGER trigger_update_email_count AFTER INSERT OR DELETE ON public.email_knowledge
    FOR EACH ROW EXECUTE FUNCTION public.update_email_count();
