-- Is this DigitalTwin's database? The tables that every state of it has; what is missing is named.
SELECT string_agg(name, ', ' ORDER BY name) FILTER (WHERE to_regclass('public.' || name) IS NULL) AS missing,
       to_regclass('public.digital_twins') IS NOT NULL
           OR to_regclass('public.knowledge_bases') IS NOT NULL AS has_twins
  FROM unnest(ARRAY['users', 'conversations', 'messages', 'knowledge_base', 'subscriptions']) AS name
