-- Rows for the baseline: every table gets some. Run once, on an empty baseline; nothing here is random, so that two
-- runs of one size make the same rows, ids included.
--
-- Option: rollback.seed_messages = how many messages (default 200); the rest grows with it, slower:
--     PGOPTIONS='-c rollback.seed_messages=1000000' psql -1 -v ON_ERROR_STOP=1 -f seed.sql
--
-- All times lie in the past: a later change of updated_at shows. All addresses are in example.org; the password
-- hashes are not the hash of anything.

CREATE TEMP TABLE seed_size AS
SELECT
    m AS messages,
    m / 10 + 10 AS conversations,
    m / 20 + 10 AS end_users,
    m / 20 + 20 AS events,
    m / 5000 + 12 AS mails,
    m / 1000 + 8 AS twins,
    -- The bot's label: what this database calls it.
    (SELECT enumlabel FROM pg_catalog.pg_enum
     WHERE enumtypid = 'public.message_sender'::regtype AND enumlabel NOT IN ('user', 'professional')) AS bot
FROM (SELECT coalesce(nullif(current_setting('rollback.seed_messages', true), ''), '200')::int) AS asked (m);

-- 1. Accounts: user n owns twin n; four more have none (two admins, an end user, a professional).

INSERT INTO public.users (id, email, password_hash, full_name, role, is_active, email_verified, created_at, updated_at)
SELECT
    md5('user ' || n)::uuid,
    'user' || n || '@example.org',
    '$2b$10$' || left(md5('salt ' || n) || md5('hash ' || n), 53),
    (ARRAY['Ada Weiss', 'Bela Novak', 'Chiara Rossi', 'Daniel Okafor', 'Élodie Marchand', 'Farid Haddad',
           'Grace O''Neill', 'Hiro Tanaka', 'Ines Álvarez', 'Jonas Lindqvist', 'Kavita Rao', 'Łukasz Wójcik'])[1 + (n - 1) % 12],
    (CASE
        WHEN n IN (s.twins + 1, s.twins + 2) THEN 'super_admin'
        WHEN n = s.twins + 3 THEN 'end_user'
        ELSE 'professional'
    END)::public.user_role,
    n % 7 <> 0 AND n <> s.twins + 4,
    n % 5 <> 0,
    TIMESTAMP '2024-01-01 09:00' + n % 400 * INTERVAL '1 day',
    TIMESTAMP '2025-03-01 09:00' + n % 100 * INTERVAL '1 hour'
FROM seed_size s, generate_series(1, s.twins + 4) n;

INSERT INTO public.subscriptions (
    id, user_id, tier, stripe_customer_id, stripe_subscription_id, monthly_message_limit, messages_used_this_month,
    current_period_start, current_period_end, is_active, created_at, updated_at)
SELECT
    md5('subscription ' || n)::uuid,
    md5('user ' || n)::uuid,
    (enum_range(NULL::public.subscription_tier))[1 + n % 4],
    CASE WHEN n % 4 <> 0 THEN 'cus_' || left(md5('customer ' || n), 14) END,
    CASE WHEN n % 4 <> 0 THEN 'sub_' || left(md5('contract ' || n), 14) END,
    (ARRAY[100, 1000, 10000, NULL])[1 + n % 4],
    n % 90,
    TIMESTAMP '2025-03-01',
    TIMESTAMP '2025-04-01',
    n % 7 <> 0,
    TIMESTAMP '2024-01-02 09:00' + n % 400 * INTERVAL '1 day',
    TIMESTAMP '2025-03-01 00:05'
FROM seed_size s, generate_series(1, s.twins) n;

-- 2. Twins and what they know: an entry and its two chunks each; a few entries have embeddings.

INSERT INTO public.digital_twins (
    id, user_id, name, profession, bio, avatar_url, llm_provider, llm_model, system_prompt, temperature, max_tokens,
    personality_traits, communication_style, capabilities, services, pricing_info, availability_schedule,
    handover_threshold, auto_responses_enabled, semantic_search_threshold, semantic_search_max_results, is_active,
    rag_config, purpose, purpose_config, created_at, updated_at)
SELECT
    md5('twin ' || n)::uuid,
    md5('user ' || n)::uuid,
    (ARRAY['Tax Advice', 'Family Law', 'Physiotherapy', 'Career Coaching'])[1 + n % 4] || ' No. ' || n,
    (ARRAY['Tax adviser', 'Lawyer', 'Physiotherapist', 'Coach'])[1 + n % 4],
    CASE WHEN n % 3 <> 0 THEN 'Twenty years of practice. Talks plainly.' END,
    CASE WHEN n % 2 = 0 THEN 'https://example.org/avatar/' || n || '.png' END,
    (ARRAY['openai', 'anthropic', 'ollama', 'custom'])[1 + n % 4]::public.llm_provider,
    (ARRAY['gpt-4o', 'claude-3-5-sonnet', 'llama3', NULL])[1 + n % 4],
    'You answer for the owner of this twin.',
    (n % 10) / 10.0,
    500 + n % 5 * 250,
    CASE WHEN n % 5 <> 0 THEN '{"warmth": 0.8, "humour": 0.2, "words": ["calm", "exact"]}'::jsonb END,
    CASE WHEN n % 4 <> 0 THEN repeat('Short sentences. Never any jargon. ', 1 + n % 6) END,
    jsonb_build_object('chat', true, 'email', n % 2 = 0, 'booking', n % 3 = 0),
    CASE WHEN n % 2 = 0 THEN '[{"name": "First talk", "minutes": 30}]'::jsonb END,
    CASE WHEN n % 2 = 0 THEN '{"currency": "EUR", "hour": 120}'::jsonb END,
    CASE WHEN n % 3 = 0 THEN '{"mon": ["09:00", "17:00"], "fri": ["09:00", "12:00"]}'::jsonb END,
    (ARRAY[0.50, 0.35, 0.70])[1 + n % 3],
    n % 4 <> 0,
    (ARRAY[0.80, 0.65, 0.90])[1 + n % 3],
    1 + n % 10,
    n % 7 <> 0,
    CASE WHEN n % 2 = 0 THEN '{}'::jsonb ELSE '{"top_k": 5, "rerank": true}'::jsonb END,
    CASE WHEN n % 3 = 1 THEN 'Answer the questions that come before the first appointment.' END,
    CASE WHEN n % 3 = 1 THEN '{"tone": "friendly"}'::jsonb ELSE '{}'::jsonb END,
    TIMESTAMP '2024-01-03 10:00' + n % 400 * INTERVAL '1 day',
    TIMESTAMP '2025-03-02 10:00' + n % 100 * INTERVAL '1 hour'
FROM seed_size s, generate_series(1, s.twins) n;

INSERT INTO public.knowledge_base (
    id, twin_id, title, content, content_type, source_url, metadata, embedding, file_name, file_size, file_type,
    chunk_index, total_chunks, parent_entry_id, created_at, updated_at)
SELECT
    md5('entry ' || n || ' ' || chunk)::uuid,
    md5('twin ' || n)::uuid,
    'Handbook' || CASE WHEN chunk > 0 THEN ', part ' || chunk ELSE '' END,
    'What one should know before the first appointment. Part ' || chunk || ' of twin ' || n || '.',
    CASE WHEN n % 2 = 0 THEN 'document' ELSE 'text' END,
    CASE WHEN n % 4 = 0 THEN 'https://example.org/handbook/' || n END,
    jsonb_build_object('language', 'en', 'words', 12),
    CASE WHEN n <= 2 THEN ('[' || repeat('0.0' || n || ',', 1535) || '0.5]')::vector(1536) END,
    CASE WHEN n % 2 = 0 THEN 'handbook.pdf' END,
    CASE WHEN n % 2 = 0 THEN 10240 + n END,
    CASE WHEN n % 2 = 0 THEN 'application/pdf' END,
    greatest(chunk - 1, 0),
    CASE WHEN chunk = 0 THEN 1 ELSE 2 END,
    CASE WHEN chunk > 0 THEN md5('entry ' || n || ' 0')::uuid END,
    TIMESTAMP '2024-02-01 11:00' + n % 400 * INTERVAL '1 day',
    TIMESTAMP '2025-03-03 11:00' + n % 100 * INTERVAL '1 hour'
FROM seed_size s, generate_series(1, s.twins) n, generate_series(0, 2) chunk;

INSERT INTO public.vector_store (id, namespace, vector, metadata, created_at, updated_at)
SELECT
    md5('vector ' || n)::uuid,
    CASE WHEN n > 3 THEN 'archive' ELSE 'default' END,
    ('[' || repeat('0.0' || n || ',', 1535) || '0.5]')::vector(1536),
    jsonb_build_object('entry', md5('entry ' || n || ' 0')),
    TIMESTAMP '2024-02-02 11:00' + n * INTERVAL '1 day',
    TIMESTAMP '2025-03-03 12:00'
FROM generate_series(1, 4) n;

INSERT INTO public.document_processing_jobs (
    id, twin_id, file_name, status, result, completed_at, created_at, updated_at)
SELECT
    md5('job ' || n)::uuid,
    md5('twin ' || n)::uuid,
    'handbook-' || n || '.pdf',
    (ARRAY['completed', 'failed', 'pending', 'processing'])[n],
    CASE n WHEN 1 THEN '{"pages": 12}'::jsonb WHEN 2 THEN '{"error": "no text layer"}'::jsonb END,
    CASE WHEN n <= 2 THEN TIMESTAMP '2025-03-04 12:01' END,
    TIMESTAMP '2025-03-04 12:00',
    TIMESTAMP '2025-03-04 12:01'
FROM generate_series(1, 4) n;

-- 3. Conversations: one in ten is handed over, three in ten are closed (one of these after a handover).

INSERT INTO public.end_users (id, email, name, phone, metadata, created_at, updated_at)
SELECT
    md5('end user ' || n)::uuid,
    CASE WHEN n % 3 <> 0 THEN 'visitor' || n || '@example.org' END,
    CASE WHEN n % 4 <> 0 THEN 'Visitor ' || n END,
    CASE WHEN n % 5 = 0 THEN '+49 30 ' || 100000 + n % 900000 END,
    jsonb_build_object('locale', CASE WHEN n % 2 = 0 THEN 'de' ELSE 'en' END),
    TIMESTAMP '2024-03-01 08:00' + n * INTERVAL '20 seconds',
    TIMESTAMP '2025-03-05 08:00' + n % 1000 * INTERVAL '1 minute'
FROM seed_size s, generate_series(1, s.end_users) n;

INSERT INTO public.conversations (
    id, twin_id, end_user_id, status, handed_over_at, closed_at, summary, metadata, created_at, updated_at)
SELECT
    md5('conversation ' || n)::uuid,
    md5('twin ' || 1 + n % s.twins)::uuid,
    md5('end user ' || 1 + n % s.end_users)::uuid,
    (CASE WHEN n % 10 = 0 THEN 'handed_over' WHEN n % 10 IN (3, 6, 9) THEN 'closed' ELSE 'active' END
    )::public.conversation_status,
    CASE WHEN n % 10 IN (0, 6) THEN begun + INTERVAL '15 minutes' END,
    CASE WHEN n % 10 IN (3, 6, 9) THEN begun + INTERVAL '40 minutes' END,
    CASE WHEN n % 10 IN (3, 6, 9) THEN 'Asked for an appointment and got one.' END,
    CASE WHEN n % 2 = 0 THEN '{"channel": "widget"}'::jsonb END,
    begun,
    begun + INTERVAL '1 hour'
FROM seed_size s, generate_series(1, s.conversations) n,
    LATERAL (SELECT TIMESTAMP '2024-03-01 09:00' + n * INTERVAL '50 seconds') AS start (begun);

-- Millions of messages: keys and indexes are built once, after the rows, from their own definitions.
CREATE TEMP TABLE seed_later AS
SELECT format('ALTER TABLE public.messages ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) AS statement
FROM pg_catalog.pg_constraint
WHERE conrelid = 'public.messages'::regclass AND contype IN ('p', 'f')
UNION ALL
SELECT pg_get_indexdef(indexrelid)
FROM pg_catalog.pg_index
WHERE indrelid = 'public.messages'::regclass AND NOT indisprimary;

ALTER TABLE public.messages DROP CONSTRAINT messages_pkey, DROP CONSTRAINT messages_conversation_id_fkey;
DROP INDEX public.idx_messages_conversation_id;

INSERT INTO public.messages (id, conversation_id, sender, content, metadata, created_at)
SELECT
    md5('message ' || n)::uuid,
    md5('conversation ' || c)::uuid,
    (CASE
        WHEN n % 2 = 1 THEN 'user'
        WHEN c % 10 IN (0, 6) AND n % 4 = 0 THEN 'professional'
        ELSE s.bot
    END)::public.message_sender,
    CASE WHEN n % 2 = 1 THEN 'What do I have to bring along? (' ELSE 'Your papers of last year, please. (' END || n || ')',
    CASE WHEN n % 20 = 0 THEN '{"tokens": 42}'::jsonb END,
    TIMESTAMP '2024-03-01 09:00' + n * INTERVAL '5 seconds'
FROM seed_size s, generate_series(1, s.messages) n,
    LATERAL (SELECT 1 + (n - 1)::bigint * s.conversations / s.messages) AS place (c);

DO $$
DECLARE
    later seed_later;
BEGIN
    FOR later IN SELECT * FROM seed_later LOOP
        EXECUTE later.statement;
    END LOOP;
END
$$;

DROP TABLE seed_later;

INSERT INTO public.handover_notifications (
    id, conversation_id, user_id, reason, is_read, is_accepted, accepted_at, created_at)
SELECT
    md5('notification ' || c.id)::uuid,
    c.id,
    t.user_id,
    'The visitor asks for a person.',
    c.status = 'closed',
    c.status = 'closed',
    CASE WHEN c.status = 'closed' THEN c.handed_over_at + INTERVAL '5 minutes' END,
    c.handed_over_at
FROM public.conversations c JOIN public.digital_twins t ON t.id = c.twin_id
WHERE c.handed_over_at IS NOT NULL;

INSERT INTO public.analytics_events (id, twin_id, event_type, event_data, created_at)
SELECT
    md5('event ' || n)::uuid,
    CASE WHEN n % 10 <> 0 THEN md5('twin ' || 1 + n % s.twins)::uuid END,
    (ARRAY['conversation_started', 'message_sent', 'handover_requested'])[1 + n % 3],
    jsonb_build_object('number', n),
    TIMESTAMP '2024-03-01 09:00' + n * INTERVAL '100 seconds'
FROM seed_size s, generate_series(1, s.events) n;

-- 4. Mail: four accounts, one of them with a limit and one that cannot be reached.

INSERT INTO public.email_credentials (
    id, user_id, provider, email_address, encrypted_access_token, encrypted_refresh_token, token_expires_at,
    imap_host, imap_port, encrypted_imap_password, auto_sync_enabled, sync_frequency_hours, last_sync_at,
    last_sync_status, last_sync_error, months_to_import, max_emails_limit, is_active, created_at, updated_at)
SELECT
    md5('mailbox ' || n)::uuid,
    md5('user ' || n)::uuid,
    (ARRAY['gmail', 'outlook', 'imap', 'gmail'])[n]::public.email_provider,
    'box' || n || '@example.org',
    CASE WHEN n <> 3 THEN 'access:' || md5('access ' || n) END,
    CASE WHEN n <> 3 THEN 'refresh:' || md5('refresh ' || n) END,
    CASE WHEN n <> 3 THEN TIMESTAMP '2025-03-07 06:00' END,
    CASE WHEN n = 3 THEN 'imap.example.org' END,
    CASE WHEN n = 3 THEN 993 END,
    CASE WHEN n = 3 THEN 'secret:' || md5('imap') END,
    n <> 2,
    24,
    TIMESTAMP '2025-03-06 06:00',
    CASE WHEN n = 4 THEN 'failed' ELSE 'success' END,
    CASE WHEN n = 4 THEN 'token revoked' END,
    6,
    CASE WHEN n = 1 THEN s.mails + 1000 END,
    n <> 4,
    TIMESTAMP '2024-04-01 06:00' + n * INTERVAL '1 day',
    TIMESTAMP '2025-03-06 06:01'
FROM seed_size s, generate_series(1, 4) n;

-- Counting mails updates their account, which would move its updated_at to now.
ALTER TABLE public.email_credentials DISABLE TRIGGER update_email_credentials_updated_at;

INSERT INTO public.email_knowledge (
    id, user_id, credential_id, email_id, thread_id, subject, sender_email, sender_name, recipients, cc_recipients,
    sent_at, body_text, body_html, is_reply, in_reply_to, has_attachments, attachments, labels, is_important,
    embedding, search_weight, created_at, updated_at)
SELECT
    md5('mail ' || n)::uuid,
    md5('user ' || 1 + n % 4)::uuid,
    md5('mailbox ' || 1 + n % 4)::uuid,
    '<' || n || '@mail.example.org>',
    'thread-' || n / 8,
    'Appointment ' || n,
    'visitor' || n || '@example.org',
    CASE WHEN n % 3 <> 0 THEN 'Visitor ' || n END,
    jsonb_build_array('box' || 1 + n % 4 || '@example.org'),
    CASE WHEN n % 5 = 0 THEN '["office@example.org"]'::jsonb END,
    TIMESTAMP '2024-10-01 07:00' + n * INTERVAL '1 hour',
    'May I come on Thursday?',
    CASE WHEN n % 2 = 0 THEN '<p>May I come on Thursday?</p>' END,
    n % 4 = 0,
    CASE WHEN n % 4 = 0 THEN '<' || n - 1 || '@mail.example.org>' END,
    n % 6 = 0,
    CASE WHEN n % 6 = 0 THEN '[{"name": "letter.pdf", "size": 20480}]'::jsonb END,
    ARRAY['INBOX', CASE WHEN n % 2 = 0 THEN 'clients' ELSE 'new' END],
    n % 7 = 0,
    CASE WHEN n = 1 THEN ('[' || repeat('0.01,', 1535) || '0.5]')::vector(1536) END,
    (ARRAY[1.0, 0.5, 2.0])[1 + n % 3],
    TIMESTAMP '2025-03-06 06:00',
    TIMESTAMP '2025-03-06 06:01'
FROM seed_size s, generate_series(1, s.mails) n;

ALTER TABLE public.email_credentials ENABLE TRIGGER update_email_credentials_updated_at;

INSERT INTO public.email_sync_history (
    id, credential_id, sync_type, status, started_at, completed_at, emails_found, emails_imported, emails_skipped,
    emails_failed, error_message, error_details, created_at)
SELECT
    md5('sync ' || n)::uuid,
    md5('mailbox ' || n)::uuid,
    CASE WHEN n % 2 = 0 THEN 'scheduled' ELSE 'manual' END,
    CASE WHEN n = 4 THEN 'failed' ELSE 'completed' END,
    TIMESTAMP '2025-03-06 06:00',
    CASE WHEN n <> 4 THEN TIMESTAMP '2025-03-06 06:01' END,
    10 * n, 9 * n, n, 0,
    CASE WHEN n = 4 THEN 'token revoked' END,
    CASE WHEN n = 4 THEN '{"code": 401}'::jsonb END,
    TIMESTAMP '2025-03-06 06:00'
FROM generate_series(1, 4) n;

-- 5. Benchmarks: for each of three twins a dataset of three questions, two runs, and a comparison of these.

INSERT INTO public.benchmark_datasets (
    id, twin_id, name, description, dataset_type, is_active, total_questions, generation_config, tags, created_at,
    updated_at)
SELECT
    md5('dataset ' || n)::uuid,
    md5('twin ' || n)::uuid,
    'First questions',
    CASE WHEN n = 1 THEN 'What visitors ask first' END,
    CASE WHEN n = 3 THEN 'synthetic' ELSE 'golden' END,
    true,
    3,
    CASE WHEN n = 3 THEN '{"model": "gpt-4o"}'::jsonb END,
    '["smoke"]'::jsonb,
    TIMESTAMP '2024-11-01 14:00',
    TIMESTAMP '2025-03-08 14:00'
FROM generate_series(1, 3) n;

INSERT INTO public.benchmark_questions (
    id, dataset_id, question, expected_answer, expected_context_ids, question_type, difficulty, source_type,
    source_kb_id, tags, is_active, created_at, updated_at)
SELECT
    md5('question ' || n || ' ' || q)::uuid,
    md5('dataset ' || n)::uuid,
    'What do I have to bring along? Case ' || q,
    'Your papers of last year.',
    ARRAY[md5('entry ' || n || ' 1')::uuid, md5('entry ' || n || ' 2')::uuid],
    'factual',
    (ARRAY['easy', 'medium', 'hard'])[q],
    CASE WHEN q = 3 THEN 'manual' ELSE 'knowledge_base' END,
    CASE WHEN q <> 3 THEN md5('entry ' || n || ' ' || q)::uuid END,
    '["smoke"]'::jsonb,
    true,
    TIMESTAMP '2024-11-01 14:05',
    TIMESTAMP '2025-03-08 14:05'
FROM generate_series(1, 3) n, generate_series(1, 3) q;

INSERT INTO public.benchmark_runs (
    id, twin_id, dataset_id, name, run_type, rag_config, comparison_run_id, status, progress, started_at,
    completed_at, aggregate_metrics, total_input_tokens, total_output_tokens, estimated_cost_usd, created_at,
    updated_at)
SELECT
    md5('run ' || n || ' ' || r)::uuid,
    md5('twin ' || n)::uuid,
    md5('dataset ' || n)::uuid,
    'Run ' || r,
    CASE WHEN r = 1 THEN 'manual' ELSE 'comparison' END,
    jsonb_build_object('top_k', 3 * r),
    CASE WHEN r = 2 THEN md5('run ' || n || ' 1')::uuid END,
    'completed',
    100,
    TIMESTAMP '2025-03-08 15:00',
    TIMESTAMP '2025-03-08 15:02',
    jsonb_build_object('faithfulness', 0.9),
    3000, 600, 0.012500,
    TIMESTAMP '2025-03-08 15:00',
    TIMESTAMP '2025-03-08 15:02'
FROM generate_series(1, 3) n, generate_series(1, 2) r;

INSERT INTO public.benchmark_results (
    id, run_id, question_id, input_question, expected_answer, actual_answer, retrieved_context, faithfulness,
    answer_relevancy, context_precision, latency_ms, input_tokens, output_tokens, human_rating, human_feedback,
    evaluated_by, evaluated_at, created_at)
SELECT
    md5('result ' || n || ' ' || r || ' ' || q)::uuid,
    md5('run ' || n || ' ' || r)::uuid,
    md5('question ' || n || ' ' || q)::uuid,
    'What do I have to bring along? Case ' || q,
    'Your papers of last year.',
    'Please bring last year''s papers.',
    jsonb_build_array(md5('entry ' || n || ' 1')),
    0.9123, 0.8, 0.75,
    800 + 10 * q, 1000, 200,
    CASE WHEN q = 1 THEN 3 + r END,
    CASE WHEN q = 1 THEN 'Good, but long.' END,
    CASE WHEN q = 1 THEN md5('user ' || n)::uuid END,
    CASE WHEN q = 1 THEN TIMESTAMP '2025-03-09 09:00' END,
    TIMESTAMP '2025-03-08 15:01'
FROM generate_series(1, 3) n, generate_series(1, 2) r, generate_series(1, 3) q;

INSERT INTO public.benchmark_ab_tests (
    id, twin_id, name, config_a, config_b, run_a_id, run_b_id, dataset_id, status, winner,
    statistical_significance, created_at)
SELECT
    md5('comparison ' || n)::uuid,
    md5('twin ' || n)::uuid,
    'Three or six passages',
    '{"top_k": 3}',
    '{"top_k": 6}',
    md5('run ' || n || ' 1')::uuid,
    md5('run ' || n || ' 2')::uuid,
    md5('dataset ' || n)::uuid,
    'completed',
    CASE WHEN n = 1 THEN 'b' END,
    CASE WHEN n = 1 THEN 0.0312 END,
    TIMESTAMP '2025-03-08 16:00'
FROM generate_series(1, 3) n;

-- 6. Web sources.

INSERT INTO public.web_sources (
    id, twin_id, name, base_url, scrape_strategy, crawl_depth, max_pages, schedule_frequency_hours, include_paths,
    exclude_paths, config, last_run_at, last_run_status, next_run_at, is_active, created_at, updated_at)
SELECT
    md5('source ' || n)::uuid,
    md5('twin ' || n)::uuid,
    'Site ' || n,
    'https://site' || n || '.example.org',
    CASE WHEN n % 2 = 0 THEN 'crawl' ELSE 'single_page' END,
    1 + n % 5,
    10 * n,
    24 * n,
    CASE WHEN n % 2 = 0 THEN ARRAY['/blog', '/faq'] END,
    CASE WHEN n % 2 = 0 THEN ARRAY['/login'] END,
    CASE WHEN n = 4 THEN '{"javascript": true}'::jsonb END,
    TIMESTAMP '2025-03-10 02:00',
    CASE WHEN n = 3 THEN 'failed' ELSE 'completed' END,
    CASE WHEN n <> 3 THEN TIMESTAMP '2025-03-11 02:00' END,
    n <> 3,
    TIMESTAMP '2024-12-01 02:00',
    TIMESTAMP '2025-03-10 02:05'
FROM generate_series(1, 4) n;

INSERT INTO public.web_scrape_runs (
    id, source_id, started_at, completed_at, status, trigger_type, pages_found, pages_scraped, pages_failed, error,
    created_at, updated_at)
SELECT
    md5('scrape ' || n || ' ' || r)::uuid,
    md5('source ' || n)::uuid,
    TIMESTAMP '2025-03-08 02:00' + r * INTERVAL '1 day',
    TIMESTAMP '2025-03-08 02:05' + r * INTERVAL '1 day',
    CASE WHEN n = 3 AND r = 2 THEN 'failed' ELSE 'completed' END,
    CASE WHEN r = 1 THEN 'manual' ELSE 'schedule' END,
    5, CASE WHEN n = 3 AND r = 2 THEN 0 ELSE 5 END, CASE WHEN n = 3 AND r = 2 THEN 5 ELSE 0 END,
    CASE WHEN n = 3 AND r = 2 THEN 'connection refused' END,
    TIMESTAMP '2025-03-08 02:00' + r * INTERVAL '1 day',
    TIMESTAMP '2025-03-08 02:05' + r * INTERVAL '1 day'
FROM generate_series(1, 4) n, generate_series(1, 2) r;

-- 7. Cost of language models: most calls belong to a user and a twin, some to neither.

INSERT INTO public.llm_usage (
    id, user_id, twin_id, provider, model, operation, prompt_tokens, completion_tokens, total_tokens, cost_usd,
    metadata, created_at)
SELECT
    md5('call ' || n)::uuid,
    CASE WHEN n % 9 <> 0 THEN md5('user ' || 1 + n % s.twins)::uuid END,
    CASE WHEN n % 9 <> 0 THEN md5('twin ' || 1 + n % s.twins)::uuid END,
    CASE WHEN n % 3 = 0 THEN 'anthropic' ELSE 'openai' END,
    CASE WHEN n % 3 = 0 THEN 'claude-3-5-sonnet' ELSE 'gpt-4o' END,
    (ARRAY['chat', 'embedding', 'vision', 'streaming'])[1 + n % 4],
    100 + n % 400, 50 + n % 100, 150 + n % 400 + n % 100,
    0.000100 * (1 + n % 50),
    CASE WHEN n % 10 = 0 THEN '{"cached": true}'::jsonb END,
    TIMESTAMP '2024-03-01 09:00' + n * INTERVAL '100 seconds'
FROM seed_size s, generate_series(1, s.events) n;

DROP TABLE seed_size;

ANALYZE public.users, public.digital_twins, public.conversations, public.messages;
