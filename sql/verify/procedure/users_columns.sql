-- The columns of table users that came with OAuth: none is left after the rollback of 012.
SELECT attname::text
  FROM pg_catalog.pg_attribute
 WHERE attrelid = 'public.users'::regclass
   AND attname IN ('oauth_provider', 'oauth_id', 'avatar_url')
   AND NOT attisdropped
 ORDER BY attname;
