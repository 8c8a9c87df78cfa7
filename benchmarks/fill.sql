-- Rows for a database of a wanted size, on the seeded and transformed schema: what fills a DigitalTwin database are
-- messages, entries with embeddings, and mails. Runs once; the same options make rows of the same widths.
--
-- Options: benchmark.messages, benchmark.entries, benchmark.mails: how many rows are added to each.

SELECT setseed(0.42);

-- 1. Text of 120 to 400 characters that gzip compresses faster than English: words, phrases, passages, letters.

CREATE TEMP TABLE word AS
SELECT row_number() OVER () - 1 AS nr, a.part || b.part || CASE WHEN random() < 0.4 THEN c.part ELSE '' END AS text
FROM unnest(string_to_array('ba de fi go hu ka le mi no pu ra se ti vo za bre cla dri flo gru', ' ')) AS a (part),
     unnest(string_to_array('n r s l m t nd st rk ck ng ld', ' ')) AS b (part),
     unnest(string_to_array('a e i o er en um ing', ' ')) AS c (part);

CREATE TEMP TABLE phrase AS
SELECT p.nr, string_agg(w.text, ' ') AS text
FROM (SELECT nr, floor(random() * 1900)::bigint AS pick FROM generate_series(0, 149) nr, generate_series(1, 4)) AS p
JOIN word AS w ON w.nr = p.pick
GROUP BY p.nr;

CREATE TEMP TABLE passage AS
SELECT p.nr, left(string_agg(f.text, ' '), 120 + (p.nr * 37 % 281)::int) AS text
FROM (SELECT nr, floor(random() * 150)::bigint AS pick FROM generate_series(0, 996) nr, generate_series(1, 20)) AS p
JOIN phrase AS f ON f.nr = p.pick
GROUP BY p.nr;

CREATE TEMP TABLE letter AS
SELECT a.nr, string_agg(b.text, E'.\n') AS text
FROM generate_series(0, 498) AS a (nr), generate_series(1, 5) AS i
JOIN passage AS b ON true
WHERE b.nr = (a.nr * 13 + i * 101) % 997
GROUP BY a.nr;

CREATE TEMP TABLE half AS
SELECT nr, array_agg(((random() - 0.5) / 10)::real) AS numbers
FROM generate_series(0, 199) nr, generate_series(1, 768) i
GROUP BY nr;

-- Each row below looks its text up by key: a join might bring equal texts together, and a dump would compress them away.
ALTER TABLE passage ADD PRIMARY KEY (nr);
ALTER TABLE letter ADD PRIMARY KEY (nr);
ALTER TABLE half ADD PRIMARY KEY (nr);
ANALYZE passage, letter, half;

CREATE TEMP TABLE wanted AS
SELECT current_setting('benchmark.messages')::int AS messages,
       current_setting('benchmark.entries')::int AS entries,
       current_setting('benchmark.mails')::int AS mails,
       2000 AS owners,
       current_setting('benchmark.messages')::int / 20 + 100 AS conversations;

-- 2. Accounts, knowledge bases, visitors, conversations of 20 messages.

INSERT INTO public.users (id, email, password_hash, full_name, role, email_verified)
SELECT md5('owner ' || n)::uuid, 'owner' || n || '@example.org',
       CASE WHEN n % 20 <> 0 THEN '$2b$10$' || left(md5('salt ' || n) || md5('hash ' || n), 53) END,
       'Owner ' || n, 'kb_owner', true
FROM wanted, generate_series(1, owners) n;

UPDATE public.users SET oauth_provider = 'google', oauth_id = left(md5(email), 21)
WHERE password_hash IS NULL AND oauth_id IS NULL;

INSERT INTO public.knowledge_bases (id, user_id, name, system_prompt, description, is_public, share_url)
SELECT md5('base ' || n)::uuid, md5('owner ' || n)::uuid, 'Base ' || n, 'You answer from this knowledge base.', 'All about ' || n,
       n % 3 = 0, 'base-' || n
FROM wanted, generate_series(1, owners) n;

INSERT INTO public.end_users (id, email, name)
SELECT md5('visitor ' || n)::uuid, 'visitor' || n || '@example.net', 'Visitor ' || n
FROM wanted, generate_series(1, conversations / 2) n;

INSERT INTO public.conversations (id, kb_id, end_user_id, status, created_at)
SELECT md5('talk ' || n)::uuid, md5('base ' || 1 + n % owners)::uuid, md5('visitor ' || 1 + n % (conversations / 2))::uuid,
       (CASE WHEN n % 3 = 0 THEN 'closed' ELSE 'active' END)::public.conversation_status,
       TIMESTAMP '2025-01-01' + n * INTERVAL '10 seconds'
FROM wanted, generate_series(0, conversations) n;

-- 3. Messages; keys and indexes are built once, after the rows.

ALTER TABLE public.messages DROP CONSTRAINT messages_pkey, DROP CONSTRAINT messages_conversation_id_fkey;
DROP INDEX public.idx_messages_conversation_id;

INSERT INTO public.messages (id, conversation_id, sender, content, created_at)
SELECT gen_random_uuid(), md5('talk ' || n / 20)::uuid,
       (CASE WHEN n % 2 = 0 THEN 'user' ELSE 'assistant' END)::public.message_sender,
       (SELECT text FROM passage WHERE nr = n::bigint * 7919 % 997), TIMESTAMP '2025-01-01' + n * INTERVAL '1 second'
FROM wanted, generate_series(1, messages) n;

ALTER TABLE public.messages ADD CONSTRAINT messages_pkey PRIMARY KEY (id);
ALTER TABLE public.messages ADD CONSTRAINT messages_conversation_id_fkey
    FOREIGN KEY (conversation_id) REFERENCES public.conversations (id) ON DELETE CASCADE;
CREATE INDEX idx_messages_conversation_id ON public.messages (conversation_id, created_at);

-- 4. Entries with embeddings, mails.

INSERT INTO public.knowledge_base (kb_id, title, content, content_type, embedding)
SELECT md5('base ' || 1 + n % owners)::uuid, 'Entry ' || n, (SELECT text FROM passage WHERE nr = n % 997), 'text',
       ((SELECT numbers FROM half WHERE nr = n % 200)
        || (SELECT numbers FROM half WHERE nr = (n / 200 + n + 100) % 200))::vector(1536)
FROM wanted, generate_series(1, entries) n;

-- Each would count its mail in the one row of its account.
ALTER TABLE public.email_knowledge DISABLE TRIGGER USER;
INSERT INTO public.email_knowledge (user_id, email_id, subject, sender_email, sent_at, body_text)
SELECT md5('owner ' || 1 + n % owners)::uuid, '<fill-' || n || '@example.net>', 'Mail ' || n, 'visitor@example.net',
       TIMESTAMP '2025-01-01' + n * INTERVAL '1 minute', (SELECT text FROM letter WHERE nr = n % 499)
FROM wanted, generate_series(1, mails) n;
ALTER TABLE public.email_knowledge ENABLE TRIGGER USER;

DROP TABLE word, phrase, passage, letter, half, wanted;
