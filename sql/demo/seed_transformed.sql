-- Rows that only the new release makes. Run once, on a seeded database (seed.sql), after forward migrations 010 to
-- 013 or any of them, also after a half-applied 011: each part looks at the catalogue and adds what fits.
--
-- With 012: accounts of every kind: OAuth only (an owner with everything; one who rated a benchmark result; one who
-- is not active; an admin; one with nothing), OAuth and password (linked by e-mail), password only.
-- Without 012 the same people have a password each and no OAuth identity.
-- With 010: a knowledge base made since (it never had a profession), and descriptions, sharing and pictures on others.
-- With 013: Gemini as provider of that knowledge base, and of one that is older.
--
-- Here, too, all times lie in the past.

CREATE TEMP TABLE seed_state AS
SELECT
    to_regclass('public.knowledge_bases') IS NOT NULL AS has_010,
    EXISTS (
        SELECT FROM pg_catalog.pg_attribute
        WHERE attrelid = 'public.users'::regclass AND attname = 'oauth_id' AND NOT attisdropped
    ) AS has_012,
    EXISTS (
        SELECT FROM pg_catalog.pg_enum WHERE enumtypid = 'public.llm_provider'::regtype AND enumlabel = 'gemini'
    ) AS has_013,
    CASE WHEN to_regclass('public.knowledge_bases') IS NULL THEN 'twin_id' ELSE 'kb_id' END AS kb_column,
    -- The bot's label, and the label of those who own a knowledge base: what this database calls them.
    (SELECT enumlabel FROM pg_catalog.pg_enum
     WHERE enumtypid = 'public.message_sender'::regtype AND enumlabel NOT IN ('user', 'professional')) AS bot,
    (SELECT enumlabel FROM pg_catalog.pg_enum
     WHERE enumtypid = 'public.user_role'::regtype AND enumlabel NOT IN ('super_admin', 'end_user')) AS owner_role;

-- What an update below would move to now.
ALTER TABLE public.users DISABLE TRIGGER update_users_updated_at;
ALTER TABLE public.email_credentials DISABLE TRIGGER update_email_credentials_updated_at;
DO $$
BEGIN
    IF (SELECT has_010 FROM seed_state) THEN
        ALTER TABLE public.knowledge_bases DISABLE TRIGGER update_knowledge_bases_updated_at;
    ELSE
        ALTER TABLE public.digital_twins DISABLE TRIGGER update_digital_twins_updated_at;
    END IF;
END
$$;

-- 1. Accounts made since the transformation, first with a password each; then 012 turns them into what they are.

INSERT INTO public.users (id, email, password_hash, full_name, role, is_active, email_verified, created_at, updated_at)
SELECT
    md5('user ' || who)::uuid,
    who || '@example.org',
    '$2b$10$' || left(md5('salt ' || who) || md5('hash ' || who), 53),
    name,
    role::public.user_role,
    active,
    true,
    TIMESTAMP '2025-05-02 09:00',
    TIMESTAMP '2025-05-03 09:00'
FROM seed_state s, LATERAL (VALUES
    ('oauth-owner', 'Olga Petrova', s.owner_role, true),
    ('oauth-rater', 'Rafael Costa', s.owner_role, true),
    ('oauth-inactive', 'Ingrid Holm', s.owner_role, false),
    ('oauth-admin', 'Amir Khan', 'super_admin', true),
    ('oauth-visitor', 'Vera Blum', 'end_user', true),
    ('both-since', 'Boris Lang', s.owner_role, true),
    ('password-since', 'Paula Stein', s.owner_role, true)
) AS person (who, name, role, active);

DO $$
BEGIN
    IF NOT (SELECT has_012 FROM seed_state) THEN
        RETURN;
    END IF;
    UPDATE public.users
    SET password_hash = NULL
    WHERE email LIKE 'oauth-%@example.org';
    -- Users 1, 7 (not active) and the first admin had passwords before and have linked an identity since.
    UPDATE public.users u
    SET oauth_provider = CASE WHEN u.email LIKE '%r@example.org' THEN 'github' ELSE 'google' END,
        oauth_id = left(md5('oauth ' || u.email), 21),
        avatar_url = 'https://pictures.example.org/' || left(md5(u.email), 12) || '.png'
    WHERE u.email LIKE 'oauth-%@example.org'
       OR u.email IN ('both-since@example.org', 'user1@example.org', 'user7@example.org')
       OR u.id = (SELECT id FROM public.users WHERE role = 'super_admin' AND password_hash IS NOT NULL ORDER BY email LIMIT 1);
    -- A picture without an identity: uploaded by hand.
    UPDATE public.users
    SET avatar_url = 'https://pictures.example.org/own.png'
    WHERE email IN ('user2@example.org', 'password-since@example.org');
END
$$;

INSERT INTO public.subscriptions (
    id, user_id, tier, stripe_customer_id, monthly_message_limit, messages_used_this_month, current_period_start,
    current_period_end, created_at, updated_at)
SELECT
    md5('subscription ' || who)::uuid, md5('user ' || who)::uuid, tier::public.subscription_tier,
    'cus_' || left(md5('customer ' || who), 14), 1000, 7, TIMESTAMP '2025-05-02', TIMESTAMP '2025-06-02',
    TIMESTAMP '2025-05-02 09:10', TIMESTAMP '2025-05-03 09:10'
FROM (VALUES ('oauth-owner', 'pro'), ('oauth-rater', 'basic'), ('both-since', 'basic')) AS paying (who, tier);

-- 2. Knowledge bases made since, and what the new release writes into older ones.

DO $$
DECLARE
    state seed_state;
BEGIN
    SELECT * INTO state FROM seed_state;
    IF state.has_010 THEN
        INSERT INTO public.knowledge_bases (
            id, user_id, name, avatar_url, llm_model, system_prompt, purpose, description, is_public, share_url,
            created_at, updated_at)
        SELECT
            md5('twin ' || who)::uuid, md5('user ' || who)::uuid, name, 'https://example.org/avatar/' || who || '.png',
            'gpt-4o', 'You answer from this knowledge base.', 'Answer questions about ' || name,
            'Everything about ' || name || ', kept up to date.', true,
            replace(lower(name), ' ', '-') || '-' || left(md5(who), 8),
            TIMESTAMP '2025-05-02 10:00', TIMESTAMP '2025-05-03 10:00'
        FROM (VALUES ('oauth-owner', 'Garden Care'), ('both-since', 'Wine'), ('password-since', 'Chess Openings'))
            AS made (who, name);
        UPDATE public.knowledge_bases
        SET description = 'All that visitors of ' || name || ' ask.', is_public = true
        WHERE id IN (md5('twin 1')::uuid, md5('twin 3')::uuid);
        UPDATE public.knowledge_bases
        SET avatar_url = 'https://pictures.example.org/kb.png'
        WHERE id = md5('twin 5')::uuid;
    ELSE
        INSERT INTO public.digital_twins (id, user_id, name, profession, llm_model, system_prompt, created_at, updated_at)
        SELECT
            md5('twin ' || who)::uuid, md5('user ' || who)::uuid, name, 'Expert', 'gpt-4o',
            'You answer for the owner of this twin.', TIMESTAMP '2025-05-02 10:00', TIMESTAMP '2025-05-03 10:00'
        FROM (VALUES ('oauth-owner', 'Garden Care'), ('both-since', 'Wine'), ('password-since', 'Chess Openings'))
            AS made (who, name);
    END IF;
    IF state.has_013 THEN
        EXECUTE format(
            'UPDATE public.%I SET llm_provider = ''gemini'', llm_model = ''gemini-1.5-pro'' WHERE id IN ($1, $2)',
            CASE WHEN state.has_010 THEN 'knowledge_bases' ELSE 'digital_twins' END)
        USING md5('twin oauth-owner')::uuid, md5('twin 2')::uuid;
    END IF;
END
$$;

-- 3. What belongs to the knowledge base of the OAuth-only owner: a row in each of the nine tables that point to it,
--    conversations with messages, mail.

DO $$
DECLARE
    kb uuid := md5('twin oauth-owner');
    made timestamp := '2025-05-02 11:00';
    changed timestamp := '2025-05-03 11:00';
    kb_column text := (SELECT s.kb_column FROM seed_state s);
BEGIN
    EXECUTE format('INSERT INTO public.knowledge_base (id, %I, title, content, created_at, updated_at)
        SELECT md5(''entry since '' || n)::uuid, $1, ''Pruning, part '' || n, ''Cut in winter.'', $2, $3
        FROM generate_series(1, 3) n', kb_column) USING kb, made, changed;
    EXECUTE format('INSERT INTO public.conversations (id, %I, end_user_id, status, closed_at, created_at, updated_at)
        SELECT md5(''conversation since '' || n)::uuid, $1, md5(''end user '' || n)::uuid,
            (CASE WHEN n = 4 THEN ''closed'' ELSE ''active'' END)::public.conversation_status,
            CASE WHEN n = 4 THEN $3 END, $2, $3
        FROM generate_series(1, 4) n', kb_column) USING kb, made, changed;
    EXECUTE format('INSERT INTO public.analytics_events (id, %I, event_type, event_data, created_at)
        VALUES (md5(''event since'')::uuid, $1, ''kb_shared'', ''{"via": "link"}'', $2)', kb_column) USING kb, made;
    EXECUTE format('INSERT INTO public.benchmark_datasets (id, %I, name, total_questions, created_at, updated_at)
        VALUES (md5(''dataset since'')::uuid, $1, ''Garden'', 1, $2, $3)', kb_column) USING kb, made, changed;
    EXECUTE format('INSERT INTO public.benchmark_runs (id, %I, dataset_id, rag_config, status, created_at, updated_at)
        VALUES (md5(''run since'')::uuid, $1, md5(''dataset since'')::uuid, ''{}'', ''completed'', $2, $3)', kb_column)
        USING kb, made, changed;
    EXECUTE format('INSERT INTO public.benchmark_ab_tests (id, %I, name, config_a, config_b, run_a_id, created_at)
        VALUES (md5(''comparison since'')::uuid, $1, ''Garden'', ''{}'', ''{}'', md5(''run since'')::uuid, $2)',
        kb_column) USING kb, made;
    EXECUTE format('INSERT INTO public.web_sources (id, %I, name, base_url, created_at, updated_at)
        VALUES (md5(''source since'')::uuid, $1, ''Garden'', ''https://garden.example.org'', $2, $3)', kb_column)
        USING kb, made, changed;
    EXECUTE format('INSERT INTO public.llm_usage (id, user_id, %I, provider, model, operation, total_tokens, cost_usd, created_at)
        VALUES (md5(''call since'')::uuid, md5(''user oauth-owner'')::uuid, $1, ''openai'', ''gpt-4o'', ''chat'', 500, 0.0025, $2)',
        kb_column) USING kb, made;
    EXECUTE format('INSERT INTO public.document_processing_jobs (id, %I, file_name, status, created_at, updated_at)
        VALUES (md5(''job since'')::uuid, $1, ''garden.pdf'', ''pending'', $2, $3)', kb_column) USING kb, made, changed;
END
$$;

INSERT INTO public.messages (id, conversation_id, sender, content, created_at)
SELECT
    md5('message since ' || c || ' ' || n)::uuid,
    md5('conversation since ' || c)::uuid,
    (CASE WHEN n % 2 = 1 THEN 'user' ELSE s.bot END)::public.message_sender,
    CASE WHEN n % 2 = 1 THEN 'When do I prune roses?' ELSE 'In March, before they shoot.' END,
    TIMESTAMP '2025-05-02 12:00' + n * INTERVAL '1 minute'
FROM seed_state s, generate_series(1, 4) c, generate_series(1, 6) n;

INSERT INTO public.email_credentials (id, user_id, provider, email_address, last_sync_at, created_at, updated_at)
VALUES (md5('mailbox since')::uuid, md5('user oauth-owner')::uuid, 'gmail', 'garden@example.org',
        TIMESTAMP '2025-05-03 06:00', TIMESTAMP '2025-05-02 13:00', TIMESTAMP '2025-05-03 06:00');

INSERT INTO public.email_knowledge (
    id, user_id, credential_id, email_id, subject, sender_email, sent_at, body_text, created_at, updated_at)
SELECT
    md5('mail since ' || n)::uuid, md5('user oauth-owner')::uuid, md5('mailbox since')::uuid,
    '<since-' || n || '@mail.example.org>', 'Roses ' || n, 'visitor1@example.org', TIMESTAMP '2025-05-02 14:00',
    'Which roses stand shade?', TIMESTAMP '2025-05-03 06:00', TIMESTAMP '2025-05-03 06:00'
FROM generate_series(1, 3) n;

INSERT INTO public.email_sync_history (id, credential_id, sync_type, status, started_at, emails_found, created_at)
VALUES (md5('sync since')::uuid, md5('mailbox since')::uuid, 'manual', 'completed', TIMESTAMP '2025-05-03 06:00', 3,
        TIMESTAMP '2025-05-03 06:00');

-- 4. The OAuth-only rater has judged a result of somebody else's benchmark: the reference has no ON DELETE rule, so
--    this account cannot be deleted before that result names somebody else or nobody.

UPDATE public.benchmark_results
SET human_rating = 2, evaluated_by = md5('user oauth-rater')::uuid, evaluated_at = TIMESTAMP '2025-05-03 15:00'
WHERE id = md5('result 1 1 2')::uuid;

ALTER TABLE public.users ENABLE TRIGGER update_users_updated_at;
ALTER TABLE public.email_credentials ENABLE TRIGGER update_email_credentials_updated_at;
DO $$
BEGIN
    IF (SELECT has_010 FROM seed_state) THEN
        ALTER TABLE public.knowledge_bases ENABLE TRIGGER update_knowledge_bases_updated_at;
    ELSE
        ALTER TABLE public.digital_twins ENABLE TRIGGER update_digital_twins_updated_at;
    END IF;
END
$$;

DROP TABLE seed_state;
